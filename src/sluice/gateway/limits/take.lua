-- Counts one request by all rules of one bucket, or gives one back. See redis.py, and counters.py, which counts alike.
--
-- KEYS[1]  the bucket
-- ARGV[1]  the time in ms; empty: this server's own
-- ARGV[2]  how many ms longer than needed the bucket is kept
-- ARGV[3]  the cost
-- ARGV[4]  empty to take; to give back, the time at which the cost was counted
-- then for each rule: its kind, its limit and two numbers more
--
-- Answers {1 when the request passed, the time in ms, then for each rule: remaining, reset_ms, retry_after_ms}.
--
-- The bucket is one string: MessagePack of the time and of each rule's state at that time. JSON would not do: this
-- server writes numbers in it with 14 digits. States hold how many ms are left and never a time of day, so a clock
-- that goes back (another server takes over) stops the count for a moment instead of until the clock has caught up.
-- All numbers are whole; they are exact while below 2^53, the limit of Lua's numbers.

local min, max, floor, ceil = math.min, math.max, math.floor, math.ceil

-- {level}: in fractions of a token, `rule.a` of them to each; `rule.b` come every ms.
local token_bucket = {}

function token_bucket.fresh(rule)
  return {rule.limit * rule.a}
end

function token_bucket.pass_time(rule, state, elapsed_ms)
  local missing = rule.limit * rule.a - state[1]
  local until_full_ms = ceil(missing / rule.b)
  if elapsed_ms >= until_full_ms then -- also keeps the product below small
    state[1] = state[1] + missing
  else
    state[1] = state[1] + elapsed_ms * rule.b
  end
end

function token_bucket.look(rule, state, cost)
  local full = rule.limit * rule.a
  local retry_after_ms
  if cost > rule.limit then
    retry_after_ms = ceil(full / rule.b)
  else
    retry_after_ms = max(0, ceil((cost * rule.a - state[1]) / rule.b))
  end
  return floor(state[1] / rule.a), ceil((full - state[1]) / rule.b), retry_after_ms
end

function token_bucket.count(rule, state, cost)
  state[1] = state[1] - cost * rule.a
end

function token_bucket.give_back(rule, state, cost)
  state[1] = min(rule.limit * rule.a, state[1] + cost * rule.a)
end

-- {used, ms until the window ends}; `rule.a` is its length.
local fixed_window = {}

function fixed_window.fresh()
  return {0, 0}
end

function fixed_window.pass_time(_, state, elapsed_ms)
  state[2] = max(0, state[2] - elapsed_ms)
  if state[2] == 0 then
    state[1] = 0
  end
end

function fixed_window.look(rule, state, cost)
  local reset_ms = state[1] > 0 and state[2] or 0
  local retry_after_ms = 0
  if cost > rule.limit then
    retry_after_ms = rule.a
  elseif state[1] + cost > rule.limit then
    retry_after_ms = reset_ms
  end
  return rule.limit - state[1], reset_ms, retry_after_ms
end

function fixed_window.count(rule, state, cost)
  if state[1] == 0 then
    state[2] = rule.a
  end
  state[1] = state[1] + cost
end

function fixed_window.give_back(rule, state, cost, age_ms)
  if age_ms <= rule.a - state[2] then
    state[1] = max(0, state[1] - cost)
  end
end

-- {ms until it leaves the window, cost, the same of the next, ...}, the oldest first; `rule.a` is the length.
local sliding_window = {}

function sliding_window.fresh()
  return {}
end

local function keep(state, wanted)
  local kept = 0
  for i = 1, #state, 2 do
    if wanted(state[i], state[i + 1]) then
      state[kept + 1], state[kept + 2] = state[i], state[i + 1]
      kept = kept + 2
    end
  end
  for i = #state, kept + 1, -1 do
    state[i] = nil
  end
end

local function used(state)
  local sum = 0
  for i = 2, #state, 2 do
    sum = sum + state[i]
  end
  return sum
end

function sliding_window.pass_time(_, state, elapsed_ms)
  for i = 1, #state, 2 do
    state[i] = state[i] - elapsed_ms
  end
  keep(state, function(left_ms) return left_ms > 0 end)
end

function sliding_window.look(rule, state, cost)
  local missing = used(state) + cost - rule.limit
  local retry_after_ms = 0
  if cost > rule.limit then
    retry_after_ms = rule.a
  else
    for i = 1, #state, 2 do
      if missing <= 0 then break end
      missing = missing - state[i + 1]
      retry_after_ms = state[i]
    end
  end
  return rule.limit - used(state), state[#state - 1] or 0, retry_after_ms
end

function sliding_window.count(rule, state, cost)
  local last = #state
  if state[last - 1] == rule.a then
    state[last] = state[last] + cost
  else
    state[last + 1], state[last + 2] = rule.a, cost
  end
end

function sliding_window.give_back(rule, state, cost, age_ms)
  for i = 1, #state, 2 do
    if state[i] == rule.a - age_ms then
      state[i + 1] = max(0, state[i + 1] - cost)
    end
  end
  keep(state, function(_, counted) return counted > 0 end)
end

local kinds = {token_bucket = token_bucket, fixed_window = fixed_window, sliding_window = sliding_window}

local function server_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

local key = KEYS[1]
local now_ms = tonumber(ARGV[1]) or server_ms()
local keep_ms = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
local counted_at_ms = tonumber(ARGV[4])

local rules = {}
for i = 5, #ARGV, 4 do
  local kind = kinds[ARGV[i]]
  local rule = {limit = tonumber(ARGV[i + 1]), a = tonumber(ARGV[i + 2]), b = tonumber(ARGV[i + 3])}
  rules[#rules + 1] = {kind = kind, rule = rule}
end

local packed = redis.call('GET', key)
local bucket = packed and cmsgpack.unpack(packed) or {now_ms}
local elapsed_ms = now_ms - bucket[1]
for i, each in ipairs(rules) do
  each.state = bucket[i + 1] or each.kind.fresh(each.rule)
  each.kind.pass_time(each.rule, each.state, max(0, elapsed_ms))
end

local function look(at_cost)
  local answer, retry_after_ms, reset_ms = {1, now_ms}, 0, 0
  for _, each in ipairs(rules) do
    local remaining, reset, retry = each.kind.look(each.rule, each.state, at_cost)
    answer[#answer + 1] = remaining
    answer[#answer + 1] = reset
    answer[#answer + 1] = retry
    retry_after_ms, reset_ms = max(retry_after_ms, retry), max(reset_ms, reset)
  end
  if retry_after_ms > 0 then
    answer[1] = 0
  end
  return answer, reset_ms
end

local function save(reset_ms)
  if reset_ms == 0 then -- everything is as it was before the first request
    redis.call('DEL', key)
    return
  end
  local states = {now_ms}
  for i, each in ipairs(rules) do
    states[i + 1] = each.state
  end
  redis.call('SET', key, cmsgpack.pack(states), 'PX', reset_ms + keep_ms)
end

local answer, reset_ms = look(cost)
local counts = counted_at_ms or (cost > 0 and answer[1] == 1)
if counts then
  for _, each in ipairs(rules) do
    if counted_at_ms then
      each.kind.give_back(each.rule, each.state, cost, max(0, now_ms - counted_at_ms))
    else
      each.kind.count(each.rule, each.state, cost)
    end
  end
  answer, reset_ms = look(0)
end
if counts or elapsed_ms < 0 then
  save(reset_ms)
end
return answer
