// Text with places in it set off: a hit's words, a query's mistake.

import { Marked } from '../../components/text.tsx';

/** `marks`: from and to, in UTF-16 units of `text`; whatever they say, all of the text is shown, once and in order. */
export const Highlighted = ({ text, marks }: { text: string; marks: readonly (readonly [number, number])[] }) => {
  const parts: { readonly text: string; readonly marked: boolean }[] = [];
  let done = 0;
  for (const [from, to] of marks) {
    const start = Math.min(Math.max(from, done), text.length);
    const end = Math.min(Math.max(to, start), text.length);
    parts.push({ text: text.slice(done, start), marked: false }, { text: text.slice(start, end), marked: true });
    done = end;
  }
  parts.push({ text: text.slice(done), marked: false });
  return (
    <bdi>
      {parts
        .filter((part) => part.text !== '')
        .map((part) =>
          part.marked ? (
            <mark>
              <Marked value={part.text} />
            </mark>
          ) : (
            <Marked value={part.text} />
          ),
        )}
    </bdi>
  );
};
