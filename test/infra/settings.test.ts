import { describe, expect, it } from 'vitest';
import { readStackSettings } from '../../infra/settings.ts';

const read = (context: Record<string, unknown>) => readStackSettings((name) => context[name]);

describe('settings of a deployment', () => {
  it('all have defaults', () => {
    expect(read({})).toMatchObject({
      retentionDays: 90,
      retentionMode: 'COMPLIANCE',
      encryption: 's3',
      connectors: [],
    });
  });

  it.each([
    [{ retentionDays: '0' }, /retentionDays/],
    [{ retentionDays: 'soon' }, /retentionDays/],
    [{ retentionMode: 'none' }, /retentionMode/],
    [{ account: '12' }, /account/],
    [{ connectors: 'con_1' }, /connectors/],
    [{ connectors: [{ id: 'con_1' }] }, /connectors\.0\.id/],
    [{ alarmEmail: 'me' }, /alarmEmail/],
    [{ retentionDays: 400, maxRetentionDays: 300 }, /maxRetentionDays/],
  ])('that are wrong are named: %j', (context, message) => {
    expect(() => read(context)).toThrow(message);
  });
});
