// CloudWatch as far as our alarms need it: JSON metric filters, alarms on one datapoint, and whether a
// topic's policy lets it publish. Whatever a template says beyond that is an error here, never a guess.
// Not covered: that AWS/Lambda and AWS/SQS metrics come, delays, and delivery to subscribers.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html

/** `{ $.a.b = "text" }`: true for a line that is JSON and has that text there. A line that is not JSON matches nothing. */
export function matchesJsonFilter(pattern: string, line: string): boolean {
  const parts = /^\{ ?\$\.([A-Za-z0-9_.]+) = "([^"*%]*)" ?\}$/.exec(pattern);
  if (!parts) throw new Error(`a filter pattern of another form: ${pattern}`);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return false;
  }
  for (const name of (parts[1] ?? '').split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Record<string, unknown>)[name];
  }
  return value === parts[2];
}

export interface AlarmProperties {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: string;
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly EvaluationPeriods: number;
  readonly TreatMissingData: string;
  readonly AlarmActions: readonly unknown[];
  readonly ActionsEnabled?: boolean;
}

/** Whether it rings when one period has this value; undefined: no datapoint. */
export function rings(alarm: AlarmProperties, value: number | undefined): boolean {
  if (alarm.EvaluationPeriods !== 1 || alarm.ComparisonOperator !== 'GreaterThanThreshold')
    throw new Error('an alarm of another form');
  if (alarm.ActionsEnabled === false) return false;
  return value === undefined ? alarm.TreatMissingData === 'breaching' : value > alarm.Threshold;
}

export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: '*' | { readonly Service?: string; readonly AWS?: string };
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** One call, with what AWS says of it in condition keys. */
export interface PolicyRequest {
  readonly service: string;
  readonly action: string;
  readonly resource: string;
  readonly keys: Readonly<Record<string, string>>;
}

/** IAM's rule for a resource policy: some statement allows it, and none denies it. `resolve` reads CloudFormation's functions. */
export function isAllowed(
  statements: readonly PolicyStatement[],
  request: PolicyRequest,
  resolve: (value: unknown) => string,
): boolean {
  const applying = statements.filter((statement) => applies(statement, request, resolve));
  return applying.some(({ Effect }) => Effect === 'Allow') && !applying.some(({ Effect }) => Effect === 'Deny');
}

function applies(
  { Principal, Action, Resource, Condition = {} }: PolicyStatement,
  { service, action, resource, keys }: PolicyRequest,
  resolve: (value: unknown) => string,
): boolean {
  const everybody = Principal === '*' || (typeof Principal === 'object' && Principal.AWS === '*');
  const named = typeof Principal === 'object' && Principal.Service === service;
  if (!everybody && !named) return false;
  if (!like([Action].flat(), action) || !like([Resource].flat().map(resolve), resource)) return false;
  return Object.entries(Condition).every(([operator, wanted]) =>
    Object.entries(wanted).every(([key, value]) => {
      const has = keys[key];
      // A key that the request does not have fulfils none of these.
      if (has === undefined) return false;
      if (operator === 'StringEquals' || operator === 'Bool') return has === resolve(value);
      if (operator === 'ArnLike') return like([resolve(value)], has);
      throw new Error(`a condition of another form: ${operator}`);
    }),
  );
}

const like = (patterns: readonly string[], text: string): boolean =>
  patterns.some((pattern) =>
    new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 'i').test(text),
  );
