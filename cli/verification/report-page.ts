// A verification as one page that an auditor keeps: opens offline, without a script, and its own policy forbids whatever
// could load or run. What comes from recordings is text of strangers, and escaped.

import { createHash } from 'node:crypto';
import type { VerifyReport } from '../../core/recording/verify.ts';
import { toBase64 } from '../../core/scram.ts';
import { escapeHtml } from '../../core/text/escape-html.ts';
import type { Checkpoint } from '../../core/tlog/checkpoint.ts';

/** What stands in a copy and could not be taken for any session's recording, or not be read. */
export interface UnprovenPlace {
  readonly path: string;
  readonly message: string;
}

/** What the proofs lean on. */
export interface ProofBasis {
  /** The edge's address, or the folder. */
  readonly source: string;
  /** Who is believed and by which key, as somebody would compare them. */
  readonly keys: readonly { readonly of: string; readonly key: string }[];
  /** Of the log of sessions; undefined: it was not compared with one. */
  readonly checkpoint?: Checkpoint | undefined;
  /** Names of the witnesses who cosigned that. */
  readonly cosigned: readonly string[];
}

export interface Verified {
  readonly basis: ProofBasis;
  readonly reports: readonly VerifyReport[];
  readonly unproven: readonly UnprovenPlace[];
  /** When it was verified, ISO 8601. */
  readonly at: string;
  /** Of the program that did. */
  readonly version: string;
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
section{border-top:1px solid var(--line);padding:.6rem 0}
.fault{color:#b00020}
@media (prefers-color-scheme:dark){.fault{color:#ff8a80}}
@media print{body{max-width:none}section{break-inside:avoid}}
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

export function reportPage({ basis, reports, unproven, at, version }: Verified): string {
  const running = reports.filter((report) => report.running).length;
  const purging = reports.filter((report) => report.purging).length;
  const intact = reports.filter((report) => report.intact).length;
  const open = running + purging + intact;
  const failed = reports.filter(({ proven }) => !proven).length - open + unproven.length;
  const all = reports.length + unproven.length;
  const verdict = failed > 0 ? `${failed} of ${all} not proven` : `${all - open} proven`;
  const { checkpoint, cosigned } = basis;
  const facts: [string, string][] = [
    [
      'Result',
      [
        verdict,
        ...(running === 0 ? [] : [`${running} still running`]),
        ...(purging === 0 ? [] : [`${purging} being purged`]),
        ...(intact === 0 ? [] : [`${intact} intact, and not proven: no keys were given to trust`]),
      ].join(', '),
    ],
    ['Verified at', at],
    ['Verified from', basis.source],
    ['By', `gatehouse ${version}`],
    ...basis.keys.map(({ of, key }): [string, string] => [`Key of ${of}`, key]),
    ...(checkpoint
      ? ([
          ['Log of sessions', checkpoint.origin],
          ['Its checkpoint', `${checkpoint.size} entries, root ${toBase64(checkpoint.root)}`],
          ['Cosigned by', cosigned.join(', ') || 'nobody else'],
        ] satisfies [string, string][])
      : ([['Log of sessions', 'not compared']] satisfies [string, string][])),
  ];
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    `<meta name="viewport" content="width=device-width"><title>Verification of recordings: ${escapeHtml(verdict)}</title><style>${STYLE}</style></head>`,
    '<body><main>',
    `<h1>Verification of recordings: <span${failed > 0 ? ' class="fault"' : ''}>${escapeHtml(verdict)}</span></h1>`,
    list(facts),
    ...unproven.map(
      ({ path, message }) =>
        `<section><h2 class="fault">${escapeHtml(path)}: not proven</h2><p>${escapeHtml(message)}</p></section>`,
    ),
    ...reports.map(sessionOf),
    '</main></body>',
    '</html>',
    '',
  ].join('\n');
}

const list = (facts: readonly (readonly [string, string])[]): string =>
  `<dl>${facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>`;

function sessionOf(report: VerifyReport): string {
  const { session, manifest, manifestDigest, faults, proofs, notCompared } = report;
  const { opened } = manifest ?? {};
  const facts: [string, string | undefined][] = [
    ['Person', opened?.identity.email],
    ['Resource', opened && `${opened.resource} (${opened.protocol})`],
    ['Time', manifest && `${manifest.startedAt} to ${manifest.endedAt}`],
    ['Connector', manifest?.connector.id],
    ['Its key', manifest?.connector.key],
    ['Manifest', manifestDigest && `SHA-256 ${manifestDigest}`],
  ];
  const open = report.purging ? 'purge under way' : report.intact ? 'intact, signer unknown' : undefined;
  const unproven = report.running ? 'still running' : (open ?? 'not proven');
  const verdict = report.proven ? 'proven' : unproven;
  const items = (title: string, all: readonly string[], kind = ''): string =>
    all.length === 0
      ? ''
      : `<h3>${title}</h3><ul${kind}>${all.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`;
  return [
    `<section><h2${faults.length > 0 ? ' class="fault"' : ''}>${escapeHtml(session)}: ${verdict}</h2>`,
    list(facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))),
    items(
      'What is wrong',
      faults.map(({ object, reason, message }) => `${object}: ${message} (${reason})`),
      ' class="fault"',
    ),
    items('What holds', proofs),
    items('What was not compared', notCompared),
    '</section>',
  ].join('\n');
}
