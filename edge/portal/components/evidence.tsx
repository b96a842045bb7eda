// What proves a session: coverage, witness, the line to verify it with, downloads.

import type { Witnessed } from '../../../core/api.ts';
import type { SessionDetail } from '../../../core/catalogue.ts';
import { hasRows, type ProtocolName } from '../../../core/protocols.ts';
import {
  REFUSED_WORDS,
  WITHHELD_WORDS,
  hiddenWords,
  notKeptWords,
  originalsWords,
} from '../../../core/recording/coverage-words.ts';
import type { ViewedSession } from '../../gatehouse.ts';
import { count } from '../../../core/text/amounts.ts';
import { CommandLine } from './command-line.tsx';
import { LaneWords } from './lane-words.tsx';
import { Mono, Text, Time } from './text.tsx';

export const Evidence = ({
  detail,
  witnessed,
  path,
  lent,
}: {
  detail: SessionDetail;
  witnessed: Witnessed | undefined;
  path: string;
  /** For a time; what was passed on by a link is neither downloaded nor verified. */
  lent: ViewedSession['lent'];
}) => {
  const { session, coverage, manifest } = detail;
  return (
    <section class="evidence" id="session-evidence" aria-labelledby="evidence">
      <h2 id="evidence">Evidence</h2>
      <div class="evidence-grid">
        <div>
          <h3>Coverage</h3>
          {coverage === undefined ? (
            <p class="dim">
              Stated in the manifest, when the session has ended. What is masked or not shown until then is said beside
              its statement.
            </p>
          ) : (
            <ul class="plain">
              <LaneWords lanes={coverage.lanes} />
              {(coverage.hidden ?? []).map((hidden) => (
                <li>
                  <strong>Not shown</strong> in its statements: <Text value={hiddenWords(hidden)} />.
                </li>
              ))}
              {coverage.masked.length + (coverage.hidden ?? []).length === 0 ? <li>Nothing was masked.</li> : null}
              {coverage.masked.map((mask) => (
                <li>
                  Masked by{' '}
                  <code>
                    <Text value={mask.rule} />
                  </code>
                  : {count(mask.count, 'value')}.
                </li>
              ))}
              {coverage.masked.length > 0 && lent?.by === undefined ? (
                <li>
                  <a href={`${path}/unlock`}>Ask for the originals</a>, where the rule keeps them.
                </li>
              ) : null}
              {(coverage.withheld ?? []).map((withheld) => (
                <li>
                  Withheld: {count(withheld.count, 'value')},{' '}
                  <Text value={WITHHELD_WORDS[withheld.reason] ?? withheld.reason} />.
                </li>
              ))}
              {coverage.refused.map((refused) => (
                <li>
                  Refused: <Text value={REFUSED_WORDS[refused.reason] ?? refused.reason} />,{' '}
                  {count(refused.count, 'time')}.
                </li>
              ))}
              {coverage.originals === undefined ? null : (
                <li>
                  <strong>Sealed beside it</strong>: <Text value={originalsWords(coverage.originals)} />.
                </li>
              )}
              {coverage.notKept === undefined ? null : (
                <li>
                  <strong>Originals</strong>: <Text value={notKeptWords(coverage.notKept)} />.
                </li>
              )}
              {coverage.exemptions.map((exemption) => (
                <li>
                  <strong>Left out by policy</strong>: <Text value={exemption} />.
                </li>
              ))}
            </ul>
          )}
        </div>
        <div>
          <h3>Witness</h3>
          {witnessed === undefined ? (
            <p class="dim">What the edge witnessed cannot be shown just now.</p>
          ) : (
            <p>
              While the session ran, the edge, kept apart from the archive, witnessed{' '}
              {count(witnessed.heads.length, 'part')}
              {' of the recording'}
              {witnessed.manifest ? (
                <>
                  {' '}
                  and the manifest at <Time iso={witnessed.manifest.at} />.
                </>
              ) : (
                '. The manifest is not there yet.'
              )}
            </p>
          )}
          {manifest ? (
            <p>
              Signed by connector <Text value={manifest.connector.name} />, build{' '}
              <Text value={manifest.connector.build} />.
            </p>
          ) : null}
        </div>
        {lent?.by === undefined ? <TakeAway session={session.id} protocol={session.protocol} path={path} /> : null}
      </div>
      <dl class="facts facts-small">
        <div>
          <dt>Session</dt>
          <dd>
            <Mono value={session.id} />
          </dd>
        </div>
        <div>
          <dt>Grant</dt>
          <dd>
            <Mono value={session.grant} />
          </dd>
        </div>
        <div>
          <dt>Connector</dt>
          <dd>
            <Mono value={session.connector} />
          </dd>
        </div>
      </dl>
    </section>
  );
};

const TakeAway = ({ session, protocol, path }: { session: string; protocol: ProtocolName; path: string }) => (
  <>
    <div>
      <h3>Prove it yourself</h3>
      <p>Reads every object, checks chain, signature and witness, and says what holds:</p>
      <CommandLine id="verify" args={`verify ${session}`} label="the verify line" />
    </div>
    <div>
      <h3>Download</h3>
      <ul class="downloads">
        <li>
          <a href={`${path}/export?format=ndjson`}>NDJSON</a> <span class="dim">all of it, for programs</span>
        </li>
        <li>
          <a href={`${path}/export?format=html`}>HTML</a> <span class="dim">one page to read and keep</span>
        </li>
        <li>
          <a href={`${path}/export?format=asciicast`}>asciicast</a>{' '}
          <span class="dim">the conversation, for asciinema</span>
        </li>
        <li>
          <a href={`${path}/export?format=text`}>Text</a>{' '}
          <span class="dim">what was done, for a ticket or an e-mail</span>
        </li>
        <li>
          <a href={`${path}/export?format=markdown`}>Markdown</a> <span class="dim">for a knowledge base</span>
        </li>
        {hasRows(protocol) ? (
          <li>
            <a href={`${path}/export?format=csv`}>CSV</a>{' '}
            <span class="dim">all results, a file each in a ZIP archive</span>
          </li>
        ) : null}
      </ul>
    </div>
  </>
);
