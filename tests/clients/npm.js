// What users of ioredis and node-redis do: node npm.js PORT SOCKET FOLDER,
// where FOLDER has node_modules. Every wait ends with what it waits for, or
// the test's own time limit.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const [port, socket, dir] = [Number(process.argv[2]), ...process.argv.slice(3)];
const host = '127.0.0.1'; // localhost may be an address of IPv6
const load = (name) => require(path.join(dir, 'node_modules', name));
const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const noLua = /there is no Lua|NOSCRIPT/;

// Names and promise-returning steps, one after the other.
async function steps(name, all) {
  for (const [what, step] of Object.entries(all)) {
    try {
      await step();
    } catch (e) {
      e.message = `${name}: ${what}: ${e.message}`;
      throw e;
    }
  }
}

// An emitter's event, once.
const once = (emitter, event) =>
    new Promise((done) => emitter.once(event, (...got) => done(got)));

async function ioredis(name) {
  const { default: Redis = load(name) } = load(name);
  const quiet = (c) => c.on('error', () => {});
  const c = new Redis({ host, port, db: 2, connectionName: 'io' });
  await steps(name, {
    async commands() {
      assert.equal(await c.ping(), 'PONG');
      assert.equal(await c.set('k', 'v', 'EX', 100), 'OK');
      assert.equal(await c.get('k'), 'v');
      assert.deepEqual(await c.mget('k', 'none'), ['v', null]);
      assert.equal(await c.set('bin', binary), 'OK');
      assert.deepEqual(await c.getBuffer('bin'), binary);
      assert.equal(await c.incrbyfloat('f', 0.5), '0.5');
      assert.match(await c.info('server'), /predis_version/);
      assert.match(await c.client('LIST'), / name=io /);
      assert.match(String(await c.call('TYPE', 'k')), /string/);
    },
    async pipelines() {
      const many = c.pipeline();
      for (let i = 0; i < 1000; i++) many.incr('n');
      many.hset('h', 'f', 'v');
      const got = await many.exec();
      assert.deepEqual(got[999], [null, 1000]);
      assert.match(got[1000][0].message, /unknown command/);
    },
    async transactions() {
      assert.deepEqual(await c.multi().set('a', 1).get('a').exec(),
          [[null, 'OK'], [null, '1']]);
      await c.watch('a');
      const d = c.duplicate();
      await d.set('a', 'else');
      await d.quit();
      assert.equal(await c.multi().get('a').exec(), null);
      await assert.rejects(c.multi().set('a', 1).hset('h').exec(),
          /EXECABORT|wrong number|unknown command/);
    },
    async scans() {
      await c.mset(Object.fromEntries(
          Array.from({ length: 500 }, (_, i) => ['scan:' + i, i])));
      const seen = new Set();
      const s = c.scanStream({ match: 'scan:*', count: 50 });
      for await (const keys of s) keys.forEach((k) => seen.add(k));
      assert.equal(seen.size, 500);
    },
    async messages() {
      const s = c.duplicate();
      await s.subscribe('news');
      await s.psubscribe('new?');
      const both = Promise.all([once(s, 'message'), once(s, 'pmessage')]);
      assert.equal(await c.publish('news', 'hello'), 2);
      assert.deepEqual(await both,
          [['news', 'hello'], ['new?', 'news', 'hello']]);
      await s.unsubscribe('news');
      await s.punsubscribe('new?');
      assert.equal(await s.ping(), 'PONG');
      await s.quit();
    },
    async locks() {
      assert.equal(await c.set('lock', 'me', 'PX', 10000, 'NX'), 'OK');
      assert.equal(await c.set('lock', 'you', 'PX', 10000, 'NX'), null);
      assert.equal(await c.del('lock'), 1);
    },
    async 'what is not there'() {
      await assert.rejects(c.hset('h', 'f', 'v'), /unknown command/);
      await assert.rejects(c.blpop('q', 1), /unknown command/);
      await assert.rejects(c.eval('return 1', 0), noLua);
      c.defineCommand('mine', { numberOfKeys: 1, lua: 'return 1' });
      await assert.rejects(c.mine('k'), noLua);
      assert.equal(await c.get('k'), 'v');
    },
    async cluster() {
      await assert.rejects(c.cluster('SLOTS'), /cluster support disabled/);
      const n = new Redis.Cluster([{ host, port }],
          { clusterRetryStrategy: () => null, lazyConnect: true });
      quiet(n);
      await assert.rejects(n.connect());
      n.disconnect();
    },
    async reconnects() {
      const d = c.duplicate({ retryStrategy: () => 10 });
      quiet(d);
      const id = await d.client('ID');
      const again = once(d, 'close').then(() => once(d, 'ready'));
      assert.equal(await c.client('KILL', 'ID', id), 1);
      await again;
      assert.notEqual(await d.client('ID'), id);
      assert.equal(await d.get('k'), 'v'); // in the same database
      await d.quit();
    },
    async 'a Unix socket'() {
      const u = new Redis({ path: socket, db: 2 });
      assert.equal(await u.get('k'), 'v');
      await u.quit();
    },
  });
  await c.flushdb();
  await c.quit();
}

async function nodeRedis(name, RESP) {
  const { createClient, createClientPool, createCluster } = load(name);
  const make = (more) => createClient(
      { socket: { host, port }, database: 3, name: 'nr', RESP, ...more })
      .on('error', () => {});
  const c = make();
  await c.connect();
  await steps(`${name} RESP${RESP}`, {
    async commands() {
      assert.equal(await c.ping(), 'PONG');
      await c.set('k', 'v', { EX: 100 });
      assert.equal(await c.get('k'), 'v');
      assert.ok((await c.ttl('k')) > 90);
      assert.deepEqual(await c.mGet(['k', 'none']), ['v', null]);
      await c.set('bin', binary);
      assert.equal(await c.strLen('bin'), binary.length);
      assert.equal(await c.incrByFloat('f', 0.5) * 1, 0.5);
      assert.match(await c.info('server'), /predis_version/);
      assert.equal(await c.clientGetName(), 'nr');
      assert.equal(await c.sendCommand(['TYPE', 'k']), 'string');
      const all = await Promise.all(
          Array.from({ length: 1000 }, (_, i) => c.set('key' + i, '' + i)));
      assert.equal(all.length, 1000);
      assert.equal(await c.dbSize(), 1003);
    },
    async transactions() {
      assert.deepEqual(await c.multi().set('a', '1').incr('a').exec(),
          ['OK', 2]);
      const d = make();
      await d.connect();
      await d.watch('a');
      await c.set('a', 'else');
      await assert.rejects(d.multi().get('a').exec(), /watch/i);
      await d.destroy();
    },
    async scans() {
      const seen = new Set();
      for await (const keys of c.scanIterator({ MATCH: 'key*', COUNT: 50 }))
        [keys].flat().forEach((k) => seen.add(k));
      assert.equal(seen.size, 1000);
    },
    async messages() {
      const s = c.duplicate().on('error', () => {});
      await s.connect();
      const got = [];
      let all;
      const arrived = new Promise((done) => all = done);
      const note = (m, ch) => got.push([m, ch]) === 2 && all();
      await s.subscribe('news', note);
      await s.pSubscribe('new?', note);
      assert.equal(await c.publish('news', 'hello'), 2);
      await arrived;
      assert.deepEqual(got, [['hello', 'news'], ['hello', 'news']]);
      await s.unsubscribe('news');
      await s.pUnsubscribe('new?');
      await s.destroy();
    },
    async 'what is not there'() {
      await assert.rejects(c.hSet('h', 'f', 'v'), /unknown command/);
      await assert.rejects(c.blPop('q', 1), /unknown command/);
      await assert.rejects(c.eval('return 1'), noLua);
      await assert.rejects(c.select(99), /out of range/);
      assert.equal(await c.get('k'), 'v');
    },
    async cluster() {
      await assert.rejects(c.sendCommand(['CLUSTER', 'SLOTS']),
          /cluster support disabled/);
      const n = createCluster({
        rootNodes: [{ socket: { host, port, reconnectStrategy: false } }],
        defaults: { RESP },
      }).on('error', () => {});
      await assert.rejects(n.connect());
      await n.destroy();
    },
    async pool() {
      const p = createClientPool(
          { socket: { host, port }, database: 3, RESP },
          { minimum: 2, maximum: 4 }).on('error', () => {});
      await p.connect();
      const got = await Promise.all(
          Array.from({ length: 100 }, (_, i) => p.get('key' + i)));
      assert.equal(got[99], '99');
      await p.destroy();
    },
    async reconnects() {
      const d = make({ socket: { host, port, reconnectStrategy: () => 10 } });
      await d.connect();
      const id = await d.clientId();
      const again = once(d, 'ready');
      await c.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]);
      await again;
      assert.notEqual(await d.clientId(), id);
      assert.equal(await d.get('k'), 'v'); // in the same database
      await d.destroy();
    },
    async 'a Unix socket'() {
      const u = make({ socket: { path: socket } });
      await u.connect();
      assert.equal(await u.get('k'), 'v');
      await u.destroy();
    },
  });
  await c.flushDb();
  await c.close();
}

async function main() {
  for (const name of ['ioredis-5', 'ioredis-6'])
    if (fs.existsSync(path.join(dir, 'node_modules', name)))
      await ioredis(name);
  for (const name of ['redis-5', 'redis-6'])
    if (fs.existsSync(path.join(dir, 'node_modules', name)))
      for (const RESP of [2, 3]) await nodeRedis(name, RESP);
}

main().then(() => console.log('ok'), (e) => {
  console.error(e);
  process.exit(1);
});
