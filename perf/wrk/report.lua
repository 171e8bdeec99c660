-- Prints what wrk measured as one line of JSON, so that nobody has to read its text.

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"seconds":%.6f,"bytes":%d,"faults":%d,' ..
      '"latency_us":{"p50":%.1f,"p99":%.1f,"p99_9":%.1f,"max":%.1f}}',
    summary.requests,
    summary.duration / 1e6,
    summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50),
    latency:percentile(99),
    latency:percentile(99.9),
    latency.max
  ))
end
