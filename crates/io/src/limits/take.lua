-- Permits of a limit that nodes share: see "Redis" in docs/design/limiter.md. One hash: the millisecond in which a slice of
-- time ends -> the permits booked in it; `n:` and a node -> when it asked last and its last grant, as seen:slice:permits.
-- ARGV: limit, windowMs, want, debt, back, backAt, node.
-- Returns granted, slice, lease in ms, retryAfterMs (0: there is room), used, nodes.
local MOST_SLICES, MOST_NODES = 256, 1000
-- a mock's Lua has whole numbers of 32 bits: fractions are what Redis' has
local function number(at) return tonumber(ARGV[at]) + 0.0 end
local key, limit, window = KEYS[1], number(1), number(2)
local want, debt, back, back_at = number(3), number(4), number(5), number(6)
local me = 'n:' .. ARGV[7]
local time = redis.call('TIME')
local now = time[1] * 1000.0 + math.floor(time[2] / 1000)
local span = math.max(1, math.floor(window / 100))
local current = (math.floor(now / span) + 1.0) * span
-- a lease is over one span from now
local booking = current + span
local function text(number) return string.format('%.0f', number) end

local all = redis.call('HGETALL', key)
local booked, ends, gone, moved, used, nodes, granted_at, granted = {}, {}, {}, 0, 0, 1, nil, 0
local oldest, oldest_seen = nil, math.huge
for at = 1, #all, 2 do
  local field, value = all[at], all[at + 1]
  local slice, permits = tonumber(field), tonumber(value)
  if field == me then
    granted_at, granted = string.match(value, '^%d+:(%d+):(%d+)$')
    granted_at, granted = tonumber(granted_at), tonumber(granted) or 0.0
  elseif slice and permits then
    if slice + window <= now then
      gone[#gone + 1] = field
    elseif slice > booking + window then
      -- the server's clock went back: it counts a window from now
      gone[#gone + 1], moved = field, moved + permits
    else
      booked[slice], ends[#ends + 1], used = permits, slice, used + permits
    end
  else
    local seen = tonumber(string.match(value, '^(%d+):'))
    -- either way: a clock that went back a little forgets nobody
    if seen and math.abs(now - seen) < 2 * window then
      nodes = nodes + 1
      if seen < oldest_seen then oldest, oldest_seen = field, seen end
    else
      gone[#gone + 1] = field
    end
  end
end
if nodes > MOST_NODES then gone[#gone + 1], nodes = oldest, nodes - 1 end

-- only a node's last grant is given back, and once, however often a request arrives
if back > 0 and granted_at == back_at and booked[back_at] then
  local off = math.min(back, granted, booked[back_at])
  booked[back_at], used = booked[back_at] - off, used - off
end
-- windows that changed often leave many slices: together they count longer, never shorter
if #ends > MOST_SLICES then
  for _, slice in ipairs(ends) do gone[#gone + 1] = text(slice) end
  booked, ends, moved, used = {}, {}, moved + used, 0
end
local function book(slice, permits)
  if permits <= 0 then return end
  if not booked[slice] then ends[#ends + 1] = slice end
  booked[slice], used = (booked[slice] or 0) + permits, used + permits
end
book(booking, moved)
book(current, debt)
local free = math.max(0, math.min(want, limit - used))
book(booking, free)

local changed = { me, text(now) .. ':' .. text(booking) .. ':' .. text(free) }
for slice, permits in pairs(booked) do
  if permits <= 0 then
    gone[#gone + 1] = text(slice)
  elseif slice == back_at or slice == current or slice == booking then
    changed[#changed + 1], changed[#changed + 2] = text(slice), text(permits)
  end
end
if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
redis.call('HSET', key, unpack(changed))
redis.call('PEXPIRE', key, text(window + 2 * span))

local retry_after, left = 0, used
if used >= limit then
  table.sort(ends)
  for _, slice in ipairs(ends) do
    left = left - booked[slice]
    if left < limit then
      retry_after = slice + window - now
      break
    end
  end
end
return { free, booking, span, retry_after, used, nodes }
