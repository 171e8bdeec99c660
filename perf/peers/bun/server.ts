// Bun as an HTTP peer: one static route, which Bun answers without running JavaScript.
// bun server.ts PORT BODY_BYTES

const [port, bodyBytes] = process.argv.slice(2).map(Number);
const body = "x".repeat(bodyBytes);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port,
  routes: { "/health": new Response(body, { headers: { "Content-Type": "application/json" } }) },
  fetch: () => new Response("not found", { status: 404 }),
});
console.log(`bun ${server.url.origin}\nready`);
