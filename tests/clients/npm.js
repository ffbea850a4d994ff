// What users of ioredis and node-redis do: node npm.js PORT FOLDER, where
// FOLDER has node_modules.
const assert = require('assert');
const path = require('path');
const [port, dir] = [Number(process.argv[2]), process.argv[3]];
const host = '127.0.0.1'; // localhost may be an address of IPv6
const load = (name) => require(path.join(dir, 'node_modules', name));

async function ioredis() {
  const Redis = load('ioredis');
  const c = new Redis({ host, port, db: 2, connectionName: 'io' });
  assert.equal(await c.ping(), 'PONG');
  assert.equal(await c.set('k', 'v', 'EX', 100), 'OK');
  assert.equal(await c.get('k'), 'v');
  const many = c.pipeline();
  for (let i = 0; i < 1000; i++) many.incr('n');
  const got = await many.exec();
  assert.deepEqual(got[999], [null, 1000]);
  assert.deepEqual(await c.multi().set('a', 1).get('a').exec(),
      [[null, 'OK'], [null, '1']]);
  assert.deepEqual(await c.mget('k', 'none'), ['v', null]);
  assert.match(await c.info('server'), /predis_version/);
  await assert.rejects(c.hset('h', 'f', 'v'), /unknown command/);
  await c.flushdb();
  await c.quit();
}

async function nodeRedis() {
  const { createClient } = load('redis');
  for (const RESP of [2, 3]) {
    const c = createClient({ socket: { host, port }, database: 3, name: 'nr', RESP });
    await c.connect();
    assert.equal(await c.ping(), 'PONG');
    await c.set('k', 'v', { EX: 100 });
    assert.equal(await c.get('k'), 'v');
    assert.ok((await c.ttl('k')) > 90);
    const all = await Promise.all(
        Array.from({ length: 1000 }, (_, i) => c.set('key' + i, '' + i)));
    assert.equal(all.length, 1000);
    assert.deepEqual(await c.multi().set('a', '1').incr('a').exec(),
        ['OK', 2]);
    assert.equal(await c.dbSize(), 1002);
    await c.flushDb();
    await (c.close ? c.close() : c.quit());
  }
}

ioredis().then(nodeRedis).then(() => console.log('ok')).catch((e) => {
  console.error(e);
  process.exit(1);
});
