// Policies on resources as IAM evaluates them: principals, actions, resources and the conditions that ours have. Whatever a template says
// beyond that is an error here, never a guess. Not covered: identities' own policies, boundaries, organisations, and what S3 fills into the keys.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html

export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: '*' | { readonly Service?: string | readonly string[]; readonly AWS?: unknown };
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** One call, with what AWS says of it in condition keys. */
export interface PolicyRequest {
  /** Of AWS itself, or `aws:PrincipalArn` and `aws:PrincipalAccount` of a person or role among the keys. */
  readonly service?: string;
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
  if (!isPrincipal(Principal, service, keys, resolve)) return false;
  if (!like([Action].flat(), action) || !like([Resource].flat().map(resolve), resource)) return false;
  return Object.entries(Condition).every(([operator, wanted]) =>
    Object.entries(wanted).every(([key, value]) => {
      const values = [value].flat().map(resolve);
      const has = keys[key];
      if (operator === 'Null') return (has === undefined) === (values[0] === 'true');
      const holds = OPERATORS[operator];
      if (!holds) throw new Error(`a condition of another form: ${operator}`);
      // A key that the request does not have fulfils the negated ones and none of the others.
      return has === undefined ? operator.includes('Not') : holds(values, has);
    }),
  );
}

const OPERATORS: Readonly<Record<string, (values: readonly string[], has: string) => boolean>> = {
  StringEquals: (values, has) => values.includes(has),
  StringNotEquals: (values, has) => !values.includes(has),
  Bool: (values, has) => values.includes(has),
  ArnLike: (values, has) => like(values, has),
  ArnEquals: (values, has) => like(values, has),
  ArnNotEquals: (values, has) => !like(values, has),
  NumericLessThan: ([value], has) => Number(has) < Number(value),
  NumericGreaterThan: ([value], has) => Number(has) > Number(value),
};

function isPrincipal(
  principal: PolicyStatement['Principal'],
  service: string | undefined,
  keys: PolicyRequest['keys'],
  resolve: (value: unknown) => string,
): boolean {
  if (principal === '*') return true;
  if (service !== undefined && [principal?.Service].flat().includes(service)) return true;
  return [principal?.AWS ?? []].flat().some((value) => {
    const named = resolve(value);
    if (named === '*') return true;
    // An account, or `:root` of it, stands for everybody in it.
    const account = /^(?:arn:aws:iam::)?(\d{12})(?::root)?$/.exec(named)?.[1];
    return account === undefined ? named === keys['aws:PrincipalArn'] : account === keys['aws:PrincipalAccount'];
  });
}

export const like = (patterns: readonly string[], text: string, flags = 'i'): boolean =>
  patterns.some((pattern) =>
    new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, flags).test(text),
  );
