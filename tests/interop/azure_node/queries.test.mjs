// The query language and scheduled jobs, through the registry and the job client of azure-iothub.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { JobClient, newDevice, newId, openDevice, ownerString, registry, until } from './surroundings.mjs';

const jobs = JobClient.fromConnectionString(ownerString);
const fleet = newId('fleet'); // tells the devices of this file from those of others
const devices = [];

before(async () => {
  for (let i = 0; i < 5; ++i) {
    const device = await newDevice('asked');
    await registry.updateTwin(device.deviceId, { tags: { fleet, floor: i % 2 } }, '*');
    devices.push(device);
  }
  devices.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
});

// All pages, each begun with the token of the last: the promise form of next() keeps none.
async function pagesOf(query, read = (token) => query.next(token)) {
  const pages = [];
  do {
    const { result } = await read(query.continuationToken);
    pages.push(result);
  } while (query.hasMoreResults);
  return pages;
}

async function rowsOf(sql, pageSize) {
  return (await pagesOf(registry.createQuery(sql, pageSize))).flat();
}

async function ended(jobId) {
  return until(async () => {
    const { jobStatus } = await jobs.getJob(jobId);
    return ['completed', 'failed', 'cancelled'].includes(jobStatus.status) && jobStatus;
  }, `the end of ${jobId}`);
}

test('a query goes through its pages', async () => {
  const query = registry.createQuery(`SELECT * FROM devices WHERE tags.fleet = '${fleet}'`, 2);
  const pages = await pagesOf(query);
  assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
  assert.deepEqual(pages.flat().map((twin) => twin.deviceId), devices.map((device) => device.deviceId));
});

test('rows of a query are twins that can be changed', async () => {
  const query = registry.createQuery(`SELECT * FROM devices WHERE deviceId = '${devices[0].deviceId}'`);
  const { result } = await query.nextAsTwin();
  assert.equal(result.length, 1);
  assert.equal(query.hasMoreResults, false);
  await result[0].update({ tags: { seen: true } });
  const [row] = await rowsOf(`SELECT tags.seen FROM devices WHERE deviceId = '${devices[0].deviceId}'`);
  assert.deepEqual(row, { seen: true });
});

test('a query selects members and counts groups', async () => {
  const rows = await rowsOf(`SELECT deviceId, tags.floor AS level FROM devices WHERE tags.fleet = '${fleet}' AND tags.floor = 1`);
  assert.equal(rows.length, 2);
  assert.deepEqual(Object.keys(rows[0]), ['deviceId', 'level']);
  const groups = await rowsOf(
    `SELECT tags.floor, COUNT() AS devices FROM devices WHERE tags.fleet = '${fleet}' GROUP BY tags.floor`);
  assert.deepEqual(groups.sort((a, b) => a.floor - b.floor), [{ floor: 0, devices: 3 }, { floor: 1, devices: 2 }]);
});

test('a query over modules', async () => {
  const { deviceId } = devices[1];
  for (const moduleId of ['reader', 'writer']) await registry.addModule({ deviceId, moduleId });
  const rows = await rowsOf(`SELECT * FROM devices.modules WHERE deviceId = '${deviceId}'`, 1);
  assert.deepEqual(rows.map((twin) => twin.moduleId), ['reader', 'writer']);
});

test('a query that is wrong is refused with its position', async () => {
  await assert.rejects(registry.createQuery('SELECT * FROM devices WHERE tags.floor =').next(), (error) => {
    assert.equal(error.name, 'ArgumentError');
    assert.match(error.responseBody, /ArgumentInvalid.*at byte 40/);
    return true;
  });
});

test('a token of another query is refused', async () => {
  const query = registry.createQuery(`SELECT * FROM devices WHERE tags.fleet = '${fleet}'`, 2);
  await query.next();
  await assert.rejects(registry.createQuery('SELECT * FROM devices', 2).next(query.continuationToken),
    { name: 'ArgumentError' });
});

test('a job calls a method on each device and keeps the answers', async () => {
  const online = await openDevice(devices[0]);
  let payload;
  await new Promise((resolve) => {
    online.onDeviceMethod('reboot', (request, response) => {
      payload = request.payload;
      response.send(200, { done: true }, () => {});
    });
    // The subscription is asked for in the background; the twin's answer comes after it.
    online.getTwin(() => resolve());
  });
  const jobId = newId('reboot');
  const condition = `deviceId IN ['${devices[0].deviceId}', '${devices[1].deviceId}']`;
  const { jobStatus } = await jobs.scheduleDeviceMethod(
    jobId, condition, { methodName: 'reboot', payload: { in_s: 5 }, responseTimeoutInSeconds: 20 }, new Date(), 60);
  assert.equal(jobStatus.jobId, jobId);
  assert.equal(jobStatus.type, 'scheduleDeviceMethod');
  const done = await ended(jobId);
  assert.equal(done.status, 'completed');
  assert.deepEqual(done.deviceJobStatistics,
    { deviceCount: 2, failedCount: 1, succeededCount: 1, runningCount: 0, pendingCount: 0 });
  assert.deepEqual(payload, { in_s: 5 });
  const parts = await rowsOf(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${jobId}'`);
  assert.deepEqual(parts.map((part) => [part.deviceId, part.status]),
    [[devices[0].deviceId, 'completed'], [devices[1].deviceId, 'failed']]);
  assert.deepEqual(parts[0].outcome.deviceMethodResponse, { status: 200, payload: { done: true } });
  assert.equal(parts[1].error.code, 'DeviceNotOnline');
});

test('a job changes twins and their devices hear of it', async () => {
  const online = await openDevice(devices[2]);
  const twin = await online.getTwin();
  const heard = new Promise((resolve) => twin.on('properties.desired.interval_s', resolve));
  const jobId = newId('calm');
  await jobs.scheduleTwinUpdate(jobId, `tags.fleet = '${fleet}'`,
    { etag: '*', tags: { calm: true }, properties: { desired: { interval_s: 60 } } }, new Date(), 60);
  const done = await ended(jobId);
  assert.equal(done.status, 'completed');
  assert.equal(done.deviceJobStatistics.succeededCount, devices.length);
  assert.equal(await heard, 60);
  assert.deepEqual(await rowsOf(`SELECT COUNT() AS calm FROM devices WHERE tags.fleet = '${fleet}' AND tags.calm = true`),
    [{ calm: devices.length }]);
});

test('a job that is scheduled can be cancelled', async () => {
  const jobId = newId('later');
  const { jobStatus } = await jobs.scheduleTwinUpdate(jobId, '*', { etag: '*', tags: { never: true } },
    new Date(Date.now() + 3_600_000), 60);
  assert.equal(jobStatus.status, 'queued');
  assert.equal((await jobs.getJob(jobId)).jobStatus.status, 'scheduled');
  assert.equal((await jobs.cancelJob(jobId)).jobStatus.status, 'cancelled');
  assert.equal((await jobs.getJob(jobId)).jobStatus.status, 'cancelled');
  // The client knows no error of its own for it.
  await assert.rejects(jobs.getJob(newId('none')), (error) => /JobNotFound/.test(error.responseBody));
  await assert.rejects(jobs.scheduleTwinUpdate(jobId, '*', { tags: { never: true } }),
    (error) => /JobAlreadyExists/.test(error.responseBody));
});

test('jobs are listed by type and state, page by page', async () => {
  const ids = [];
  for (let i = 0; i < 3; ++i) {
    const jobId = newId('listed');
    await jobs.scheduleDeviceMethod(jobId, '*', { methodName: 'm' }, new Date(Date.now() + 3_600_000), 60);
    ids.push(jobId);
  }
  const query = jobs.createQuery('scheduleDeviceMethod', 'scheduled', 2);
  const pages = await pagesOf(query);
  assert.ok(pages.length > 1);
  const listed = pages.flat();
  assert.ok(listed.every((job) => job.type === 'scheduleDeviceMethod' && job.status === 'scheduled'));
  for (const jobId of ids) {
    assert.ok(listed.some((job) => job.jobId === jobId));
    await jobs.cancelJob(jobId);
  }
});
