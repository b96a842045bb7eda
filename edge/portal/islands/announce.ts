/** Says something to a screen reader, politely. */
export function announce(words: string): void {
  const announcer = document.getElementById('announcer');
  if (announcer) announcer.textContent = words;
}
