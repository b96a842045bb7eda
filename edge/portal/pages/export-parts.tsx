import { type ExportParts, exportWaitWords } from '../../../core/replay/exports.ts';
import { showBytes } from '../../../core/text/amounts.ts';
import { CommandLine } from '../components/command-line.tsx';
import { Mono } from '../components/text.tsx';

interface ExportPartsProps {
  session: string;
  parts: ExportParts;
  /** The address of this page from a part on. */
  from: (part: number) => string;
  /** What `gatehouse` is called with for the same file. */
  args: string;
}

/** An export that is too large for one answer: while it is written, and its parts once they are there. */
export const ExportPartsPage = ({
  session,
  parts: { state, bytes, count, parts, waits },
  from,
  args,
}: ExportPartsProps) => {
  const next = (parts.at(-1)?.number ?? count - 1) + 1;
  return (
    <div class="narrow">
      <p class="crumb">
        <a href={`/sessions/${session}`}>Session</a>
      </p>
      {state === 'rendering' ? (
        <>
          <h1>{waits ? 'The export waits' : 'The export is being written'}</h1>
          <p class="lead">
            The recording is large, so it is read and the export written in parts.{' '}
            {waits ? exportWaitWords(waits) : bytes > 0 ? `${showBytes(bytes)} so far.` : ''}{' '}
            <a href={from(0)}>Look again</a>
          </p>
        </>
      ) : state === 'failed' ? (
        <>
          <h1>The export could not be written</h1>
          <p class="lead">
            One run did not get further than the one before. Ask for a smaller export: CSV of one statement, or one
            lane.
          </p>
        </>
      ) : (
        <>
          <h1>The export is ready</h1>
          <p class="lead">
            {showBytes(bytes)} in {count} parts. Joined in their order they are the file. The links open for five
            minutes; load this page again for new ones.
          </p>
          <ol class="downloads" start={(parts[0]?.number ?? 0) + 1}>
            {parts.map((part) => (
              <li>
                <a href={part.url} rel="noreferrer">
                  Part {part.number + 1}
                </a>{' '}
                <span class="dim">
                  {showBytes(part.bytes)}, SHA-256 <Mono value={part.sha256} />
                </span>
              </li>
            ))}
          </ol>
          {next < count ? (
            <p>
              <a href={from(next)}>The next parts</a>
            </p>
          ) : null}
        </>
      )}
      <p>The command line waits, joins and checks them:</p>
      <CommandLine id="export" args={args} label="the export line" />
    </div>
  );
};
