-- Sends one request over and over, and prints the result as one line of JSON.

function init(args)
  wrk.method, wrk.body = args[1], args[2]
end

function done(summary)
  local found, failed = '{"requests": %d, "seconds": %.6f, "failed": %d}\n', 0
  for _, count in pairs(summary.errors) do failed = failed + count end
  io.write(string.format(found, summary.requests, summary.duration / 1e6, failed))
end
