// The policy in force, as its author wrote it. Applied from the command line or the API, never here.

import type { CheckedPolicy } from '../../gatehouse.ts';
import { CommandLine } from '../components/command-line.tsx';
import { Empty, NoticeBox } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';

export const PolicyPage = ({ policy, administrator }: { policy: CheckedPolicy; administrator: boolean }) => (
  <>
    <h1>Policy</h1>
    <dl class="facts">
      <div>
        <dt>In force</dt>
        <dd>version {policy.version}</dd>
      </div>
      <div>
        <dt>Applied by</dt>
        <dd>
          <Text value={policy.appliedBy} />
        </dd>
      </div>
      <div>
        <dt>Applied</dt>
        <dd>
          <Time iso={policy.appliedAt} />
        </dd>
      </div>
    </dl>
    {policy.mistakes.length === 0 ? null : (
      <NoticeBox kind="error">
        <strong>This policy has mistakes.</strong> It is in force as it is, and could not be applied like this again. A
        name that means nobody never fits: a rule that denies by it lets people through.
        <Told lines={policy.mistakes} />
      </NoticeBox>
    )}
    {policy.warnings.length === 0 ? null : (
      <NoticeBox kind="warning">
        It names what nobody has seen yet:
        <Told lines={policy.warnings} />
      </NoticeBox>
    )}
    {policy.text.trim() === '' ? (
      <Empty title="It is empty" />
    ) : (
      <pre class="policy-text" dir="ltr" tabindex={0} {...{ role: 'region', 'aria-label': 'The policy in force' }}>
        {policy.text
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => (
            <code class="policy-line">
              <Text value={line} />
              {'\n'}
            </code>
          ))}
      </pre>
    )}
    {administrator ? (
      <section aria-labelledby="change">
        <h2 id="change">Changing it</h2>
        <p>Shows the difference first, and applies nothing that has a mistake or leaves no administrator:</p>
        <CommandLine id="apply" args="policy apply --file policy.yaml" label="the apply line" />
      </section>
    ) : null}
  </>
);

const Told = ({ lines }: { lines: readonly string[] }) => (
  <ul>
    {lines.map((line) => (
      <li>
        <Text value={line} />
      </li>
    ))}
  </ul>
);
