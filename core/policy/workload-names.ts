// What programs are called in a policy, and which of those names fit one (docs/workloads.md):
//
//   workload:github:acme/shop:ref:refs/heads/main          a branch; refs/tags/v1.2 a tag
//   workload:github:acme/shop:ref:refs/heads/release/*     every branch that begins so
//   workload:github:acme/shop:environment:production
//   workload:github:acme/shop:workflow:acme/ci/.github/workflows/deploy.yml@refs/heads/main
//   workload:github:acme/shop:event:pull_request           what strangers may start has this name alone
//   workload:github:acme@1234/shop@5678:ref:...            the same, by the provider's ids too
//   workload:gcp:deploy@acme.iam.gserviceaccount.com       behind @ its unique id, where it should be that one
//   workload:k8s:system:serviceaccount:shop:deploy         the subject, of any other issuer
//
// Names are whole: a * stands at the end of a branch or tag and nowhere else, since all before it is then one repository's.

import { MAX_GROUP_CHARACTERS, WORKLOAD_PREFIX } from '../identity.ts';
import { withUnseenShown } from '../text/written-text.ts';

const WorkloadKinds = ['github-actions', 'gitlab', 'buildkite', 'gcp', 'oidc'] as const;
export type WorkloadKind = (typeof WorkloadKinds)[number];

/** An issuer of tokens, as policies call it. */
export interface NamedIssuer {
  readonly name: string;
  readonly kind: WorkloadKind;
}

/** What the presets are called where nobody gave them another name. */
export const PRESET_NAMES = {
  'github-actions': 'github',
  gitlab: 'gitlab',
  buildkite: 'buildkite',
  gcp: 'gcp',
} as const satisfies Record<Exclude<WorkloadKind, 'oidc'>, string>;

const PRESETS: readonly NamedIssuer[] = WorkloadKinds.flatMap((kind) =>
  kind === 'oidc' ? [] : [{ name: PRESET_NAMES[kind], kind }],
);

const PARTS = /^workload:([a-z0-9][a-z0-9-]{0,30}):(.+)$/s;
const REF_PATTERN = /^workload:[^:]+:[^:*]+:ref:refs\/(?:heads|tags)\/[^*]*\*$/;

/** `names`: all that the program has. */
export function namesWorkload(name: string, names: readonly string[]): boolean {
  if (!name.startsWith(WORKLOAD_PREFIX)) return false;
  if (!REF_PATTERN.test(name)) return names.includes(name);
  return names.some((each) => each.startsWith(name.slice(0, -1)));
}

const ID = '(?:@[A-Za-z0-9-]+)?';
const PATH = `[a-z0-9_.-]+${ID}`;
const REF = 'ref:refs/(?:heads|tags)/(?:[^*]+|[^*]*\\*)';
const FORMS: Readonly<Record<Exclude<WorkloadKind, 'oidc'>, { readonly form: RegExp; readonly expected: string }>> = {
  'github-actions': {
    form: new RegExp(
      `^${PATH}/${PATH}:(?:${REF}|environment:[^*]+|event:[a-z_]+|workflow:[a-z0-9_.-]+/[a-z0-9_.-]+/[^*]+@[^*]+)$`,
    ),
    expected:
      'OWNER/REPOSITORY in lower case, then :ref:refs/heads/BRANCH, :ref:refs/tags/TAG, :environment:NAME, :workflow:OWNER/REPOSITORY/PATH@REF or :event:NAME',
  },
  gitlab: {
    form: new RegExp(`^[a-z0-9_.-]+(?:/[a-z0-9_.-]+)*/${PATH}:(?:${REF}|environment:[^*]+|event:[a-z_]+)$`),
    expected:
      'GROUP/PROJECT in lower case, then :ref:refs/heads/BRANCH, :ref:refs/tags/TAG, :environment:NAME or :event:SOURCE',
  },
  buildkite: {
    form: new RegExp(`^${PATH}/${PATH}:${REF}$`),
    expected: 'ORGANIZATION/PIPELINE in lower case, then :ref:refs/heads/BRANCH or :ref:refs/tags/TAG',
  },
  gcp: {
    form: new RegExp(`^[a-z0-9.-]+@[a-z0-9.-]+\\.gserviceaccount\\.com${ID}$`),
    expected: "a service account's address",
  },
};

/** Why a name fits no program. `issuers` undefined: not known where this is asked, so the presets have the names they begin with. */
export function workloadNameMistake(name: string, issuers: readonly NamedIssuer[] | undefined): string | undefined {
  const [, provider = '', rest = ''] = PARTS.exec(name) ?? [];
  if (rest === '') return `${name} names nobody: expected workload:PROVIDER:NAME, such as ${EXAMPLE}`;
  const shown = withUnseenShown(name);
  if (shown !== undefined) return `${shown} has a character that nobody sees (shown as \ufffd)`;
  if (name.length > MAX_GROUP_CHARACTERS)
    return `${name.slice(0, 40)}... is longer than the name of a program can be (${MAX_GROUP_CHARACTERS} characters)`;
  const issuer = (issuers ?? PRESETS).find((each) => each.name === provider);
  if (issuers && !issuer) {
    const known = issuers.map((each) => `workload:${each.name}:`).join(' or ');
    return issuers.length === 0
      ? `${name} names nobody: no issuer of programs' tokens is set (WORKLOAD_ISSUERS)`
      : `${name} names nobody: no issuer is called ${provider}, names begin with ${known}`;
  }
  const { form, expected } = FORMS[issuer?.kind as keyof typeof FORMS] ?? {};
  if (form && !form.test(rest)) return `${name} names nobody: expected behind ${provider}: ${expected}`;
  if (!form && name.includes('*') && !REF_PATTERN.test(name))
    return `${name} names nobody: * stands for nothing but the end of a branch or tag`;
  return undefined;
}

const EXAMPLE = 'workload:github:acme/shop:ref:refs/heads/main';
