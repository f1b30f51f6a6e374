// @clickhouse/client against a running server: insert, query, stream, parameters, compression, errors.
// Usage: node client.mjs URL. Each check prints its name; the first that fails ends the process.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'

const url = process.argv[2]
const log = { level: ClickHouseLogLevel.OFF }

async function suite(name, options) {
  const client = createClient({ url, log, ...options })
  const table = `js_${name}`
  assert.equal((await client.ping()).success, true)
  await client.command({
    query: `CREATE TABLE ${table} (id UInt64, name String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id`,
  })
  const values = Array.from({ length: 50_000 }, (_, id) => ({ id: String(id), name: `it's ${id}`, at: '2026-01-02 03:04:05.685' }))
  const inserted = await client.insert({ table, values, format: 'JSONEachRow' })
  assert.equal(inserted.summary.written_rows, '50000')
  await client.insert({
    table,
    format: 'JSONEachRow',
    values: Readable.from([{ id: '60000', name: 'streamed', at: 0 }], { objectMode: true }),
  })
  await client.insert({ table, values: [['70000', 'compact', 0]], format: 'JSONCompactEachRow', columns: ['id', 'name', 'at'] })

  const counted = await client.query({ query: `SELECT count() AS c FROM ${table}`, format: 'JSON' })
  assert.deepEqual((await counted.json()).data, [{ c: 50002 }])
  assert.ok(counted.query_id)

  const chosen = await client.query({
    query: `SELECT * FROM ${table} WHERE id = {id: UInt64} AND name = {name: String}`,
    query_params: { id: 7, name: "it's 7" },
    format: 'JSONEachRow',
  })
  assert.deepEqual(await chosen.json(), [{ id: 7, name: "it's 7", at: '2026-01-02 03:04:05.685' }])

  let rows = 0
  const streamed = await client.query({ query: `SELECT id FROM ${table}`, format: 'JSONCompactEachRowWithNamesAndTypes' })
  for await (const batch of streamed.stream()) rows += batch.length
  assert.equal(rows, 50_004) // with the two rows of names and types

  const csv = await client.query({ query: 'SELECT number FROM numbers(100000)', format: 'CSV' })
  assert.equal((await csv.text()).split('\n').length, 100_001)

  await assert.rejects(client.query({ query: 'SELECT * FROM nosuch' }), (error) => {
    assert.equal(error.code, '60')
    assert.equal(error.type, 'UNKNOWN_TABLE')
    return true
  })
  await assert.rejects(async () => {
    const failing = await client.query({
      query: "SELECT number, throwIf(number = 2000000, 'boom') FROM numbers(3000000)",
      format: 'JSONEachRow',
    })
    for await (const batch of failing.stream()) batch.length
  }, /boom|aborted|terminated/)

  if (!options.session_id) { // a session stays locked until the query has ended, on a server as well
    const cancelled = new AbortController()
    const running = client.query({
      query: 'SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 4',
      abort_signal: cancelled.signal,
    })
    setTimeout(() => cancelled.abort(), 50)
    await assert.rejects(running, /abort/i)
  }
  await client.command({ query: `DROP TABLE ${table}` })
  await client.close()
  console.log(`ok ${name}`)
}

async function reader() {
  const client = createClient({ url, log, username: 'reader' })
  const result = await client.query({ query: 'SELECT 1 AS x, currentDatabase() AS d', format: 'JSONEachRow' })
  assert.deepEqual(await result.json(), [{ x: 1, d: 'sluice' }])
  await assert.rejects(client.command({ query: 'CREATE TABLE x (a Int8) ENGINE = Memory' }), { code: '164' })
  await client.close()
  console.log('ok reader')
}

await suite('plain', {})
await suite('compressed', { compression: { request: true, response: true } })
await suite('session', { session_id: 'from-js', max_open_connections: 1 })
await reader()
