// Automatic device management through azure-iothub, and what a device hears of it.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { newDevice, newId, openDevice, registry, until } from './surroundings.mjs';

function configuration(id, targetCondition, more = {}) {
  return {
    id,
    labels: { purpose: 'test' },
    content: { deviceContent: { 'properties.desired.fan': { on: true } } },
    targetCondition,
    priority: 10,
    metrics: { queries: { all: 'SELECT deviceId FROM devices' } },
    ...more,
  };
}

test('a configuration is added, read, listed, updated under its ETag and removed', async () => {
  const id = newId('config');
  const { responseBody: added } = await registry.addConfiguration(configuration(id, ''));
  assert.equal(added.id, id);
  assert.equal(added.schemaVersion, '1.0');
  const { responseBody: read } = await registry.getConfiguration(id);
  assert.deepEqual(read.content, { deviceContent: { 'properties.desired.fan': { on: true } } });
  assert.deepEqual(read.labels, { purpose: 'test' });
  const { responseBody: all } = await registry.getConfigurations();
  assert.ok(all.some((one) => one.id === id));
  const { responseBody: updated } = await registry.updateConfiguration({ ...read, priority: 20 });
  assert.equal(updated.priority, 20);
  await assert.rejects(registry.updateConfiguration({ ...read, priority: 30 }), 'an outdated ETag is refused');
  const { responseBody: forced } = await registry.updateConfiguration({ ...read, priority: 30 }, true);
  assert.equal(forced.priority, 30);
  await assert.rejects(registry.addConfiguration(configuration(id, '')), 'it exists');
  await registry.removeConfiguration(id);
  await assert.rejects(registry.getConfiguration(id));
});

test('a device hears of a configuration that targets its tag, and of its end', async () => {
  const device = await newDevice('configured');
  const site = newId('site');
  const client = await openDevice(device);
  const twin = await client.getTwin();
  const heard = [];
  twin.on('properties.desired', (patch) => heard.push(patch));
  const id = newId('config');
  await registry.addConfiguration(configuration(id, `tags.site = '${site}'`));
  const { responseBody: before } = await registry.getTwin(device.deviceId);
  await before.update({ tags: { site } });
  await until(() => heard.some((patch) => patch.fan?.on === true), 'the setting');
  const { responseBody: counted } = await registry.getConfiguration(id);
  assert.equal(
    counted.systemMetrics.queries.targetedCount,
    `SELECT deviceId FROM devices WHERE tags.site = '${site}'`,
  );
  await registry.removeConfiguration(id);
  await until(() => heard.some((patch) => patch.fan === null), 'its end');
});

test('a configuration counts whom it targets and where it is applied', async () => {
  const device = await newDevice('counted');
  const site = newId('site');
  const { responseBody: twin } = await registry.getTwin(device.deviceId);
  await twin.update({ tags: { site } });
  const id = newId('config');
  await registry.addConfiguration(configuration(id, `tags.site = '${site}'`));
  const counts = await until(async () => {
    const { responseBody: read } = await registry.getConfiguration(id);
    return read.systemMetrics.results.appliedCount === undefined ? null : read;
  }, 'the counts');
  assert.deepEqual(counts.systemMetrics.results, { targetedCount: 1, appliedCount: 1 });
  assert.ok(counts.metrics.results.all >= 1);
  await registry.removeConfiguration(id);
});

test('configuration content is applied to one device', async () => {
  const device = await newDevice('edge', { capabilities: { iotEdge: true } });
  await registry.applyConfigurationContentOnDevice(device.deviceId, {
    modulesContent: { $edgeAgent: { 'properties.desired': { schemaVersion: '1.1' } } },
  });
  const { responseBody: twin } = await registry.getModuleTwin(device.deviceId, '$edgeAgent');
  assert.equal(twin.properties.desired.schemaVersion, '1.1');
});
