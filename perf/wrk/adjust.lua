-- Takes one more of a random product into stock: wrk -s adjust.lua URL -- IDS [TOKEN]

function init(arguments)
  local headers = { ["Content-Type"] = "application/json" }
  if arguments[2] then
    headers["Authorization"] = "Bearer " .. arguments[2]
  end
  requests = {}
  for id in io.lines(arguments[1]) do
    local body = '{"product_id":"' .. id .. '","delta":1,"reason":"measured"}'
    requests[#requests + 1] = wrk.format("POST", "/api/v1/inventory/adjust", headers, body)
  end
  math.randomseed(13)
end

function request()
  return requests[math.random(#requests)]
end

local folder = debug.getinfo(1, "S").source:match("^@(.*)/")
dofile(folder .. "/report.lua")
