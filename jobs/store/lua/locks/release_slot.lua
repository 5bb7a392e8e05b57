-- Give a device slot back, if it is this worker's.
local slot = key('slot', arg.slot)
if redis.call('GET', slot) == arg.worker then redis.call('DEL', slot) end
