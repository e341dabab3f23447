"""Exposure script: what Redis does atomically for a batch of logged requests."""

# KEYS: stream, then per request the user's list of entry ids and the mark of an erased user, "" for no user.
# ARGV: stream length, seconds an exposure is kept, milliseconds since the epoch, then one record per request.
# Returns how many were written; a record of a user who has just been erased is not.
EXPOSURE_SCRIPT = """
local stream, cap, kept_s, now_ms = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local written = 0
for record = 1, #ARGV - 3 do
  local entries, erased = KEYS[2 * record], KEYS[2 * record + 1]
  if erased == '' or redis.call('EXISTS', erased) == 0 then
    local id = redis.call('XADD', stream, 'MAXLEN', '~', cap, '*', 'record', ARGV[3 + record])
    if entries ~= '' then
      redis.call('RPUSH', entries, id)
      redis.call('LTRIM', entries, -cap, -1)
      redis.call('EXPIRE', entries, kept_s)
    end
    written = written + 1
  end
end
redis.call('XTRIM', stream, 'MINID', '~', now_ms - kept_s * 1000)
return written
"""

# KEYS: stream, the user's list of entry ids, the mark of an erased user. ARGV: seconds that the mark stays.
# Returns how many entries were deleted.
ERASE_SCRIPT = """
local stream, entries = KEYS[1], KEYS[2]
redis.call('SET', KEYS[3], '1', 'EX', ARGV[1])
local ids, deleted = redis.call('LRANGE', entries, 0, -1), 0
for from = 1, #ids, 1000 do
  deleted = deleted + redis.call('XDEL', stream, unpack(ids, from, math.min(from + 999, #ids)))
end
redis.call('DEL', entries)
return deleted
"""
