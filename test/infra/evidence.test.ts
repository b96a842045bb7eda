// The evidence policy: requests of connectors, functions, administrators and strangers put to the templates' whole policies.

import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { declareGatehouse } from '../../infra/gatehouse.ts';
import { readStackSettings } from '../../infra/settings.ts';
import { newApp } from './new-app.ts';
import { isAllowed, type PolicyStatement } from './policies.ts';

const connector = newId('con');
const [OWN, OTHER] = ['111122223333', '444455556666'];
const otherRole = `arn:aws:iam::${OTHER}:role/gatehouse-connector`;

/** A resource's ARN is `arn:LOGICAL_ID`; its account the stack's. */
function resolve(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = value as Record<string, unknown>;
  if (Ref !== undefined) return { 'AWS::AccountId': OWN, 'AWS::Partition': 'aws' }[String(Ref)] ?? `arn:${String(Ref)}`;
  if (attribute) return `arn:${(attribute as string[])[0]}`;
  if (join) return (join as [string, unknown[]])[1].map(resolve).join((join as [string, unknown[]])[0]);
  throw new Error(`not resolved: ${JSON.stringify(value)}`);
}

const declared = new Map<string, ReturnType<typeof declareArchive>>();
/** Each with its settings once: templates are only read. */
function archive(context: Record<string, unknown> = {}) {
  const key = JSON.stringify(context);
  const there = declared.get(key) ?? declareArchive(context);
  declared.set(key, there);
  return there;
}

function declareArchive(context: Record<string, unknown>) {
  const { recording } = declareGatehouse(
    newApp(),
    readStackSettings((name) => context[name]),
  );
  const template = Template.fromStack(recording);
  const idOf = (type: string, like: RegExp) =>
    Object.keys(template.findResources(type)).find((id) => like.test(id)) ?? 'missing';
  const bucket = idOf('AWS::S3::Bucket', /^RecordingsBucket/);
  const policyOf = (id: string) =>
    Object.values(template.findResources('AWS::S3::BucketPolicy'))
      .filter(({ Properties }) => Properties.Bucket.Ref === id)
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as PolicyStatement[]);
  /** As somebody who may everything by their own policy in the archive's account: what the bucket adds is only its refusals. */
  const OWN_POLICY: PolicyStatement = { Effect: 'Allow', Principal: { AWS: OWN }, Action: '*', Resource: '*' };
  const asks = (id: string, action: string, object: string, keys: Record<string, string>, role = 'arn:admin') => {
    const account = role === otherRole ? OTHER : OWN;
    return isAllowed(
      [...policyOf(id), OWN_POLICY],
      {
        action,
        resource: `arn:${id}${object}`,
        keys: {
          ...{ 'aws:SecureTransport': 'true', 's3:TlsVersion': '1.3' },
          ...{ 'aws:PrincipalArn': role, 'aws:PrincipalAccount': account },
          ...keys,
        },
      },
      resolve,
    );
  };
  const role = (like: RegExp) => `arn:${idOf('AWS::IAM::Role', like)}`;
  return { template, bucket, asks, role, idOf };
}
const OBJECT = `/recordings/${connector}/ses_1/00000000.seg`;
const locked = (days: number, mode = 'COMPLIANCE') => ({
  's3:if-none-match': '*',
  's3:object-lock-mode': mode,
  's3:object-lock-remaining-retention-days': String(days),
});

describe('the archive takes', () => {
  const { asks, bucket } = archive({ minRetentionDays: 30, retentionDays: 90 });

  it.each([
    ['an object under the lock that is set', locked(90), true],
    // What a moment leaves of the shortest time.
    ['one of the shortest time, a moment later', locked(29), true],
    ['one of a shorter time', locked(28), false],
    ['one of another mode', locked(90, 'GOVERNANCE'), false],
    ['one without a lock', { 's3:if-none-match': '*' }, false],
    ['one that may overwrite', { ...locked(90), 's3:if-none-match': undefined }, false],
    ['one over plain text', { ...locked(90), 'aws:SecureTransport': 'false' }, false],
    ['one over TLS 1.1', { ...locked(90), 's3:TlsVersion': '1.1' }, false],
  ])('%s: %j', (_, keys, taken) => {
    const given = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
    for (const object of [OBJECT, '/audit/0000000001-0000000001.ndjson', '/log/checkpoint'])
      expect(asks(bucket, 's3:PutObject', object, given as Record<string, string>)).toBe(taken);
  });

  it('no time beyond the longest, nor a shorter one afterwards', () => {
    expect(asks(bucket, 's3:PutObjectRetention', OBJECT, locked(3650))).toBe(true);
    expect(asks(bucket, 's3:PutObjectRetention', OBJECT, locked(3651))).toBe(false);
    expect(asks(bucket, 's3:PutObjectRetention', OBJECT, locked(1))).toBe(false);
  });
});

describe('evidence is deleted', () => {
  it('by nobody with a marker, not even the purge, and as versions by the purge alone', () => {
    const { asks, bucket, role } = archive();
    const [purge, hold] = [role(/PurgeRole/), role(/HoldRole/)];
    for (const who of [purge, hold, 'arn:admin', 'arn:root'])
      for (const object of [OBJECT, '/audit/x', '/log/x'])
        expect(asks(bucket, 's3:DeleteObject', object, {}, who)).toBe(false);
    expect(asks(bucket, 's3:DeleteObjectVersion', OBJECT, {}, purge)).toBe(true);
    for (const who of [hold, 'arn:admin']) expect(asks(bucket, 's3:DeleteObjectVersion', OBJECT, {}, who)).toBe(false);
    for (const who of [purge, hold, 'arn:admin'])
      for (const object of ['/audit/x', '/log/x'])
        for (const action of ['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention', 's3:PutObjectLegalHold'])
          expect(asks(bucket, action, object, {}, who)).toBe(false);
  });

  it('before its time by nobody under compliance, and by the purge under governance', () => {
    for (const retentionMode of ['COMPLIANCE', 'GOVERNANCE']) {
      const { asks, bucket, role } = archive({ retentionMode });
      expect(asks(bucket, 's3:BypassGovernanceRetention', OBJECT, {}, role(/PurgeRole/))).toBe(
        retentionMode === 'GOVERNANCE',
      );
      expect(asks(bucket, 's3:BypassGovernanceRetention', OBJECT, {})).toBe(false);
    }
  });
});

describe('a connector in another account', () => {
  const context = {
    ...{ encryption: 'kms', connectorAccounts: [OTHER] },
    connectors: [{ id: connector, role: otherRole }],
  };

  it('creates under its own prefix, asks for the lock, and does nothing else', () => {
    const { asks, bucket } = archive(context);
    expect(asks(bucket, 's3:PutObject', OBJECT, locked(90), otherRole)).toBe(true);
    expect(asks(bucket, 's3:GetBucketObjectLockConfiguration', '', {}, otherRole)).toBe(true);
    expect(asks(bucket, 's3:PutObject', `/recordings/${newId('con')}/x`, locked(90), otherRole)).toBe(false);
    for (const action of ['s3:GetObject', 's3:ListBucket', 's3:DeleteObjectVersion', 's3:PutObjectLegalHold'])
      expect(asks(bucket, action, OBJECT, {}, otherRole)).toBe(false);
  });

  it('is let in by its role and not by its account, and only where the settings say so', () => {
    const { template } = archive(context);
    const bucketPolicy = JSON.stringify(template.findResources('AWS::S3::BucketPolicy'));
    expect(bucketPolicy.split(otherRole)).toHaveLength(3);
    const { asks, bucket } = archive({ connectors: [{ id: connector }] });
    expect(asks(bucket, 's3:PutObject', OBJECT, locked(90), otherRole)).toBe(false);
  });

  it('is named as a mistake where its account is not listed', () => {
    expect(() => archive({ ...context, connectorAccounts: [] })).toThrow(/connectors\.0\.role.*444455556666/);
  });
});

describe('the key of the archive', () => {
  const KEY_ADMINISTRATOR = 'arn:aws:iam::777788889999:role/keys';
  const asksKey = (context: Record<string, unknown>) => {
    const { template, role } = archive({ encryption: 'kms', ...context });
    const [key] = Object.values(template.findResources('AWS::KMS::Key'));
    const statements = key?.Properties.KeyPolicy.Statement as PolicyStatement[];
    return {
      key,
      role,
      asks: (action: string, keys: Record<string, string>) =>
        isAllowed(statements, { action, resource: '*', keys: { 'aws:PrincipalAccount': OWN, ...keys } }, resolve),
    };
  };
  const admin = { 'aws:PrincipalArn': `arn:aws:iam::${OWN}:role/administrator` };
  const ends = ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:PutKeyPolicy', 'kms:DisableKeyRotation'];

  it("is ended by its administrator and by none of the account's, who still use it", () => {
    const { asks, role } = asksKey({});
    const made = { 'aws:PrincipalArn': role(/KeyAdministrator/) };
    for (const action of ends) {
      expect(asks(action, admin)).toBe(false);
      expect(asks(action, made)).toBe(true);
    }
    for (const action of ['kms:Decrypt', 'kms:GenerateDataKey']) {
      expect(asks(action, admin)).toBe(true);
      expect(asks(action, made)).toBe(false);
    }
  });

  it('has an administrator of another account where one is named, and can be deployed all the same', () => {
    const { asks, key, role } = asksKey({ keyAdministrator: KEY_ADMINISTRATOR });
    const named = { 'aws:PrincipalArn': KEY_ADMINISTRATOR, 'aws:PrincipalAccount': '777788889999' };
    for (const action of ends) expect([asks(action, named), asks(action, admin)]).toEqual([true, false]);
    expect(role(/KeyAdministrator/)).toBe('arn:missing');
    // KMS refuses a policy by which its author cannot change it, unless it is told to take it.
    expect(key?.Properties.BypassPolicyLockoutSafetyCheck).toBe(true);
  });

  it('lets the accounts of connectors encrypt through S3, and nothing more', () => {
    const { asks } = asksKey({ connectorAccounts: [OTHER] });
    const from = { 'aws:PrincipalArn': otherRole, 'aws:PrincipalAccount': OTHER };
    const via = { ...from, 'kms:ViaService': `s3.${resolve({ Ref: 'AWS::Region' })}.amazonaws.com` };
    expect(asks('kms:GenerateDataKey', via)).toBe(true);
    expect(asks('kms:GenerateDataKey', from)).toBe(false);
    expect(asks('kms:Decrypt', via)).toBe(false);
  });
});

describe('reads and deletes of evidence', () => {
  const { template, bucket, asks, idOf } = archive({ trailDays: 500 });
  const trailBucket = idOf('AWS::S3::Bucket', /^TrailBucket/);

  it('are logged by CloudTrail, with proof that no file of the log is missing', () => {
    template.hasResourceProperties('AWS::CloudTrail::Trail', {
      IsLogging: true,
      EnableLogFileValidation: true,
      S3BucketName: { Ref: trailBucket },
    });
    const [trail] = Object.values(template.findResources('AWS::CloudTrail::Trail'));
    const selected = (trail?.Properties.AdvancedEventSelectors ?? []) as {
      FieldSelectors: Record<string, unknown>[];
    }[];
    const selectors = selected.map(({ FieldSelectors }) =>
      Object.fromEntries(FieldSelectors.map(({ Field, ...rest }) => [Field, rest])),
    );
    const objects = selectors.find((it) => JSON.stringify(it['resources.type']).includes('AWS::S3::Object'));
    const { StartsWith: [from] = [] } = (objects?.['resources.ARN'] ?? {}) as { StartsWith?: unknown[] };
    expect(resolve(from)).toBe(`arn:${bucket}/`);
    // Everything but the puts: a list of what is logged would lack what S3 learns next.
    expect(objects?.eventName).toEqual({ NotEquals: ['PutObject'] });
    expect(objects?.readOnly).toBeUndefined();
    // Of nobody's but the indexer's.
    const { NotStartsWith: left = [] } = (objects?.['userIdentity.arn'] ?? {}) as { NotStartsWith?: unknown[] };
    expect(left.map(resolve)).toEqual([`arn:aws:sts::${OWN}:assumed-role/GatehouseFunctions-IndexRole`]);
    const rows = selectors.find((it) => JSON.stringify(it['resources.type']).includes('DynamoDB'));
    expect(rows?.readOnly).toEqual({ Equals: ['false'] });
  });

  it('are kept under a lock of their own, which nobody ends', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 500 } } },
    });
    for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'])
      expect(asks(trailBucket, action, '/AWSLogs/x', {})).toBe(false);
  });

  it('are written by this trail alone', () => {
    const statements = Object.values(template.findResources('AWS::S3::BucketPolicy'))
      .filter(({ Properties }) => Properties.Bucket.Ref === trailBucket)
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as PolicyStatement[]);
    const writes = (trail: string) =>
      isAllowed(
        statements,
        {
          ...{ service: 'cloudtrail.amazonaws.com', action: 's3:PutObject' },
          resource: `arn:${trailBucket}/AWSLogs/${OWN}/x`,
          keys: {
            ...{ 'aws:SecureTransport': 'true', 's3:TlsVersion': '1.3', 's3:x-amz-acl': 'bucket-owner-full-control' },
            'aws:SourceArn': `arn:aws:cloudtrail:${resolve({ Ref: 'AWS::Region' })}:${OWN}:trail/${trail}`,
          },
        },
        resolve,
      );
    expect(writes('Gatehouse-evidence')).toBe(true);
    expect(writes('another')).toBe(false);
  });
});
