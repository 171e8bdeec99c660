-- Sends GET of a random line of a file of paths: wrk -s paths.lua URL -- FILE [HEADER VALUE]...

function init(arguments)
  local headers = {}
  for index = 2, #arguments, 2 do
    headers[arguments[index]] = arguments[index + 1]
  end
  requests = {}
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
  -- The same seed for every server: they are asked for the same in the same order.
  math.randomseed(13)
end

function request()
  return requests[math.random(#requests)]
end

local folder = debug.getinfo(1, "S").source:match("^@(.*)/")
dofile(folder .. "/report.lua")
