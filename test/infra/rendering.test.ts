// What renders exports may read recordings and write below one prefix, which is kept no longer than the shortest retention.

import { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { declareGatehouse, type GatehouseStacks } from '../../infra/gatehouse.ts';
import { readStackSettings } from '../../infra/settings.ts';
import { newApp } from './new-app.ts';

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

const declare = (context: Record<string, unknown> = {}): GatehouseStacks =>
  declareGatehouse(
    newApp(),
    readStackSettings((name) => context[name]),
  );
function allowedTo(template: Template, role: RegExp): [string, string, unknown][] {
  return Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => role.test(id))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[])
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action, Resource, Condition }) =>
      [Action].flat().map((action): [string, string, unknown] => [action, JSON.stringify(Resource), Condition]),
    );
}

let functions: Template;
beforeAll(() => {
  functions = Template.fromStack(declare().functions);
});

describe('the function that renders exports', () => {
  it('writes and deletes below rendered/ of what is derived, reads recordings, and does nothing else', () => {
    const allowed = allowedTo(functions, /^RenderingRenderRole/);
    expect(allowed.map(([action]) => action).sort()).toEqual([
      ...['dynamodb:GetItem', 'logs:CreateLogStream', 'logs:PutLogEvents', 's3:DeleteObject'],
      ...['s3:GetObject', 's3:GetObject', 's3:ListBucket', 's3:ListBucket', 's3:PutObject'],
    ]);
    for (const [action, resource] of allowed)
      if (/Put|Delete/.test(action) && action.startsWith('s3:')) expect(resource).toMatch(/Search.*\/rendered\/\*/);
    expect(allowed.find(([action]) => action === 'dynamodb:GetItem')?.[2]).toEqual({
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['session#*'] },
    });
  });

  it('is begun by the API, which reads what was rendered and changes none of it', () => {
    const api = allowedTo(functions, /^ApiRole/);
    expect(api.filter(([, resource]) => resource.includes('/rendered/*')).map(([action]) => action)).toEqual([
      's3:GetObject',
    ]);
    expect(api.filter(([action]) => action.startsWith('lambda:')).map(([, resource]) => resource)).toEqual([
      expect.stringContaining('RenderingRender'),
    ]);
    const settings = Object.values(functions.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Environment.Variables.RENDER_FUNCTION as unknown,
    );
    expect(settings.filter((name) => name !== undefined)).toHaveLength(1);
  });

  it('has concurrency of its own, as much as the API begins at once, and none where the account has none to give', () => {
    // The others' shares: stacks.test.ts.
    const of = (template: Template) =>
      Object.values(template.findResources('AWS::Lambda::Function')).flatMap(({ Properties }) => {
        const { Handler, Environment } = Properties;
        const reserved = Handler === 'index.renderExport' ? Properties.ReservedConcurrentExecutions : undefined;
        const begins = Environment.Variables.RENDERS_AT_ONCE as string | undefined;
        return reserved === undefined && begins === undefined ? [] : [[Handler, reserved, begins]];
      });
    expect(of(functions).sort()).toEqual([
      ['index.api', undefined, '10'],
      ['index.renderExport', 10, undefined],
    ]);
    expect(of(Template.fromStack(declare({ exportsAtOnce: '25' }).functions)).sort()).toEqual([
      ['index.api', undefined, '25'],
      ['index.renderExport', 25, undefined],
    ]);
    expect(of(Template.fromStack(declare({ exportsAtOnce: 0 }).functions))).toEqual([]);
  });

  it('has what it made deleted by the purge', () => {
    const purge = allowedTo(functions, /^PurgeRole/).filter(([, resource]) => resource.includes('/rendered/*'));
    expect(purge.map(([action]) => action)).toEqual(['s3:DeleteObject']);
  });
});

it.each([
  [{}, 1],
  [{ minRetentionDays: 3 }, 3],
  [{ minRetentionDays: 90, retentionDays: 90 }, 7],
])('what was rendered is kept for no longer than the shortest retention: %j', (context, days) => {
  const recording = Template.fromStack(declare(context).recording);
  const rules = Object.values(recording.findResources('AWS::S3::Bucket')).flatMap(
    ({ Properties }) => (Properties.LifecycleConfiguration?.Rules ?? []) as { Id: string }[],
  );
  expect(rules.filter(({ Id }) => Id === 'rendered')).toEqual([
    { Id: 'rendered', Prefix: 'rendered/', ExpirationInDays: days, Status: 'Enabled' },
  ]);
});
