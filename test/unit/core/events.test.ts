import { describe, expect, it } from 'vitest';
import { TOPOLOGY_EVENTS, parseTopologyEvent, toWire, type TopologyEvent } from '../../../src/core/events.ts';
import { RECORD_VERSION } from '../../../src/core/version.ts';

const refused = (code: string, field?: string) =>
  expect.objectContaining({ code: `miroir_${code}`, ...(field === undefined ? {} : { field }) });

describe('an event from a job', () => {
  it('comes in the flat form', () => {
    expect(
      parseTopologyEvent('NodeAdded', {
        v: 1,
        node_id: 'n4',
        replica_group: 0,
        index_uid: 'cities',
        url: 'http://127.0.0.1:7704/',
        api_key_ref: 'n4',
      }),
    ).toEqual({
      type: 'NodeAdded',
      nodeId: 'n4',
      group: 0,
      index: 'cities',
      url: 'http://127.0.0.1:7704',
      apiKeyRef: 'n4',
    });
  });

  it.each(TOPOLOGY_EVENTS)('comes in the original’s tagged form: %s', (type) => {
    const data = { [type]: { node_id: 'n4', replica_group: 1, index_uid: 'default' } };
    const event = { type, nodeId: 'n4', group: 1, index: 'default' };
    expect(parseTopologyEvent(type, data)).toEqual(event);
    expect(parseTopologyEvent('', data)).toEqual(event);
    expect(parseTopologyEvent('topology-event', data)).toEqual(event);
  });

  it.each([undefined, '*'])('index_uid %s means every index', (index_uid) => {
    const data = index_uid === undefined ? { node_id: 'n1' } : { node_id: 'n1', index_uid };
    expect(parseTopologyEvent('NodeFailed', data)).toEqual({ type: 'NodeFailed', nodeId: 'n1' });
  });

  const events: TopologyEvent[] = [
    { type: 'NodeAdded', nodeId: 'n4', group: 2, index: 'cities', url: 'https://n4.example:7700', apiKeyRef: 'k_4' },
    { type: 'NodeDraining', nodeId: 'n1', group: 0 },
    { type: 'NodeFailed', nodeId: 'n1' },
    { type: 'NodeFailed', nodeId: 'n1', repairNow: true },
    { type: 'NodeRecovered', nodeId: 'n1', index: 'cities' },
  ];
  it.each(events)('$type JSON round trip', (event) => {
    const text = JSON.stringify(toWire(event));
    expect(text).toContain(event.type);
    const { name, data } = JSON.parse(text) as { name: string; data: unknown };
    expect(parseTopologyEvent(name, data)).toEqual(event);
    expect(data).toHaveProperty('v', RECORD_VERSION);
  });
});

describe('refuses', () => {
  it.each(['NodeExploded', 'nodeadded', '', 'toString'])('the name %j', (name) => {
    expect(() => parseTopologyEvent(name, { node_id: 'n1' })).toThrow(refused('unknown_event', 'name'));
  });

  it.each([
    ['node_id', {}],
    ['node_id', { node_id: 7 }],
    ['node_id', { node_id: '' }],
    ['node_id', { node_id: '-a' }],
    ['node_id', { node_id: 'a:b' }],
    ['node_id', { node_id: 'a'.repeat(64) }],
    ['replica_group', { node_id: 'a', replica_group: '0' }],
    ['replica_group', { node_id: 'a', replica_group: 1.5 }],
    ['replica_group', { node_id: 'a', replica_group: -1 }],
    ['replica_group', { node_id: 'a', replica_group: 2 ** 32 }],
    ['index_uid', { node_id: 'a', index_uid: 'a b' }],
    ['index_uid', { node_id: 'a', index_uid: '' }],
    ['index_uid', { node_id: 'a', index_uid: 'x'.repeat(401) }],
    ['api_key_ref', { node_id: 'a', api_key_ref: '../x' }],
    ['v', { node_id: 'a', v: 'x' }],
    ['v', { node_id: 'a', v: 0 }],
    ['url', { node_id: 'a', url: 7 }],
    ['nodeid', { node_id: 'a', nodeid: 'b' }],
  ])('a wrong %s: %j', (field, data) => {
    expect(() => parseTopologyEvent('NodeAdded', data)).toThrow(refused('invalid_input', field));
  });

  it.each([
    'ftp://h',
    'h:7700',
    'http://',
    'http://u:p@h',
    'http://h/path',
    'http://h/?q',
    'http://h?',
    'http://h#',
    ' http://h',
    'http:\\\\h',
    'javascript:alert(1)',
  ])('the url %j', (url) => {
    expect(() => parseTopologyEvent('NodeAdded', { node_id: 'a', url })).toThrow(refused('invalid_input', 'url'));
  });

  it.each([
    ['HTTP://Host:80/', 'http://host'],
    ['https://h:443', 'https://h'],
    ['http://[::1]:7700', 'http://[::1]:7700'],
  ])('but takes the url %s as %s', (url, origin) => {
    expect(parseTopologyEvent('NodeAdded', { node_id: 'a', url }).url).toBe(origin);
  });

  it('url and api_key_ref with anything but NodeAdded, and says so', () => {
    expect(() => parseTopologyEvent('NodeFailed', { node_id: 'a', url: 'http://h' })).toThrow(
      expect.objectContaining({ field: 'url', remedy: expect.stringContaining('NodeAdded only') }),
    );
  });

  it.each([null, undefined, 'x', 7, []])('data that is no object: %j', (data) => {
    expect(() => parseTopologyEvent('NodeFailed', data)).toThrow(refused('invalid_input', 'data'));
    expect(() => parseTopologyEvent('', { NodeFailed: data })).toThrow(refused('invalid_input', 'data'));
  });

  it('a tag that contradicts the name, or that is not alone', () => {
    const NodeAdded = { node_id: 'a' };
    expect(() => parseTopologyEvent('NodeFailed', { NodeAdded })).toThrow(refused('invalid_input', 'NodeAdded'));
    expect(() => parseTopologyEvent('NodeAdded', { NodeAdded, x: 1 })).toThrow(refused('invalid_input', 'NodeAdded'));
  });

  it('a newer version before anything else, since it may have fields that we do not know', () => {
    const data = { v: RECORD_VERSION + 1, node_id: 7, colour: 'red' };
    expect(() => parseTopologyEvent('NodeAdded', data)).toThrow(refused('record_too_new'));
  });
});
