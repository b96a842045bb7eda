import { CLI_FILE, CLI_PATH } from '../../paths.ts';
import { Copyable } from '../components/parts.tsx';

interface CommandLinePageProps {
  origin: string;
  /** Of the file, in hex. */
  sha256: string;
}

export const CommandLinePage = ({ origin, sha256 }: CommandLinePageProps) => (
  <div class="narrow">
    <h1>Command line</h1>
    <p class="lead">
      <code>gatehouse</code> asks for access, finds and plays sessions, and proves recordings on your own machine. It is
      one file for Node 22.15 or later; nothing is installed.
    </p>
    <Copyable id="fetch" text={`curl -fsSO ${origin}${CLI_PATH}${CLI_FILE}`} label="the line that fetches it" />
    <p>Check that it is the one this page speaks of, then sign in:</p>
    <Copyable id="check" text={`echo "${sha256}  ${CLI_FILE}" | sha256sum -c`} label="the line that checks it" />
    <Copyable id="login" text={`node ${CLI_FILE} login ${origin}`} label="the line that signs in" />
    <p>
      <code>node {CLI_FILE} --help</code> lists the commands. In a checkout of Gatehouse the same is{' '}
      <code>npx --no -- gatehouse</code>: <code>--no --</code> keeps npm from fetching a package of that name from
      strangers.
    </p>
  </div>
);
