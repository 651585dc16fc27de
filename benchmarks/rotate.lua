-- For wrk: asks for the paths in a file one after another, and says in one line of JSON how it went.
local requests, turn = {}, 0

function init(args)
   for path in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", path)
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %f, "bytes": %d, "failed": %d, "median_ms": %f}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50) / 1e3))
end
