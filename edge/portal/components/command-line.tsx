import { CLI_FILE, CLI_PATH } from '../../paths.ts';
import { Copyable } from './parts.tsx';

interface CommandLineProps {
  id: string;
  /** What follows the program's name. */
  args: string;
  label: string;
}

/** A line of `gatehouse`, by the file that this portal serves: a bare name would be looked up among strangers' packages. */
export const CommandLine = ({ id, args, label }: CommandLineProps) => (
  <>
    <Copyable id={id} text={`node ${CLI_FILE} ${args}`} label={label} />
    <p class="hint">
      <a href={CLI_PATH}>Get the command line</a>, one file.
    </p>
  </>
);
