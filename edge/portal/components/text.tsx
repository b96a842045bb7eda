// Text that came from outside: escaped by hono/jsx, isolated so that its direction stays inside it,
// with unseen characters shown.

import { offset } from '../../../core/text/amounts.ts';
import { isTall } from '../format.ts';
import { sqlTokens } from '../sql-tokens.ts';
import { onLines, shownParts } from '../../../core/text/written-text.ts';

/** For what stands in a <bdi> already. */
export const Marked = ({ value }: { value: string }) => (
  <>{shownParts(value).map((part) => (part.escape ? <span class="unseen">{part.text}</span> : part.text))}</>
);

export const Text = ({ value }: { value: string }) => (
  <bdi>
    <Marked value={value} />
  </bdi>
);

/** `title` gives the whole where the style sheet may cut it. */
export const Mono = ({ value, cut = false }: { value: string; cut?: boolean }) => (
  <code class={cut ? 'mono cut' : 'mono'} {...(cut ? { title: onLines(value) } : {})}>
    <Text value={value} />
  </code>
);

export const Sql = ({ text }: { text: string }) => {
  const tall = isTall(text);
  return (
    // A box that scrolls must be reachable by keyboard.
    <pre class="sql" dir="ltr" {...(tall ? { tabindex: 0, role: 'region', 'aria-label': 'Long statement' } : {})}>
      <code>
        {sqlTokens(text).map((token) =>
          token.kind === 'plain' ? (
            <Marked value={token.text} />
          ) : (
            <span class={`sql-${token.kind}`}>
              <Marked value={token.text} />
            </span>
          ),
        )}
      </code>
    </pre>
  );
};

/** A moment. An island turns it into the reader's own time; `relative` as "5 minutes ago". */
export const Time = ({ iso, relative = false }: { iso: string; relative?: boolean }) => (
  <time datetime={iso} data-time={relative ? 'relative' : 'local'}>
    {iso.slice(0, 19).replace('T', ' ')} UTC
  </time>
);

export const Offset = ({ us }: { us: number }) => (
  <span class="offset">
    <span class="unseen-label">at </span>
    {offset(us)}
  </span>
);
