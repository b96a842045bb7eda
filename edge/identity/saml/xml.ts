// XML as far as SAML needs it: UTF-8 text in, a plain tree of namespaced elements out. What is not needed is refused
// before any parser sees it: document types, entities, comments, CDATA and processing instructions. In well-formed XML `<!`
// and `<?` stand nowhere but at these, so the check needs no parser that could be wrong. Without them no two parsers
// differ on where a text ends.

import { DOMParser } from '@xmldom/xmldom';
import { err, ok, type Result } from '../../../core/result.ts';

/** Bytes of a message. Those of providers have 5 to 30 KB; a thousand groups with long names make 100. */
export const MAX_SAML_BYTES = 256 * 1024;
/** Canonicalization recurses. Signed and encrypted responses have a depth of 12. */
const MAX_DEPTH = 40;
const MAX_ELEMENTS = 20_000;

export interface XmlElement {
  readonly ns: string;
  readonly name: string;
  /** Those without a prefix. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** undefined: there are elements in it. */
  readonly text: string | undefined;
  /** The parser's own, for the signature library. */
  readonly node: unknown;
}

export interface XmlDocument {
  /** As it was parsed. */
  readonly xml: string;
  readonly root: XmlElement;
  readonly elements: readonly XmlElement[];
}

/** `comments`: dropped rather than refused, for metadata, which people write. */
export function parseXml(
  text: string,
  { comments = 'refused' }: { comments?: 'refused' | 'dropped' } = {},
): Result<XmlDocument, 'xml_refused'> {
  const xml = plainXml(comments === 'dropped' ? text.replace(/<!--(?:(?!--)[\s\S])*-->/g, '') : text);
  if (xml === undefined) return err('xml_refused');
  try {
    const refuse = (message: string) => {
      throw new Error(message);
    };
    const parser = new DOMParser({ errorHandler: { warning: refuse, error: refuse, fatalError: refuse } });
    const document = parser.parseFromString(xml, 'text/xml') as DomNode | undefined;
    const inside = Array.from(document?.childNodes ?? []);
    const roots = inside.filter(({ nodeType }) => nodeType === ELEMENT);
    const root = roots[0];
    const stray = inside.some((node) => node.nodeType !== ELEMENT && (node.nodeValue ?? '').trim() !== '');
    if (root === undefined || roots.length !== 1 || stray) return err('xml_refused');
    const elements: XmlElement[] = [];
    return ok({ xml, root: readElement(root, 1, elements), elements });
  } catch {
    return err('xml_refused');
  }
}

/** Without its XML declaration; undefined: holds what is not read here. */
function plainXml(text: string): string | undefined {
  const xml = text
    .replace(/^\uFEFF/, '')
    .replace(
      /^\s*<\?xml\s+version=(["'])1\.0\1(?:\s+encoding=(["'])utf-8\2)?(?:\s+standalone=(["'])(?:yes|no)\3)?\s*\?>/i,
      '',
    );
  if (/<[!?]/.test(xml) || !xml.isWellFormed()) return undefined;
  // XML 1.0, section 2.2
  if (/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(xml)) return undefined;
  for (const [, reference = ''] of xml.matchAll(/&([^;]{0,10};?)/g)) if (!isReference(reference)) return undefined;
  return xml;
}

/** One of the five names, or the number of a character that XML allows. */
function isReference(text: string): boolean {
  if (/^(?:amp|lt|gt|quot|apos);$/.test(text)) return true;
  const [, decimal, hex] = /^#(?:(\d{1,7})|x([0-9a-f]{1,6}));$/i.exec(text) ?? [];
  const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16);
  return (
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  );
}

interface DomNode {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly localName: string | null;
  readonly namespaceURI: string | null;
  readonly prefix: string | null;
  readonly nodeValue: string | null;
  readonly childNodes: ArrayLike<DomNode>;
  readonly attributes: ArrayLike<DomNode>;
}
const ELEMENT = 1;
const TEXT = 3;
const XMLNS = 'http://www.w3.org/2000/xmlns/';
const XML = 'http://www.w3.org/XML/1998/namespace';

function readElement(node: DomNode, depth: number, elements: XmlElement[]): XmlElement {
  if (depth > MAX_DEPTH || elements.length >= MAX_ELEMENTS) throw new Error('too deep, or too much');
  const children: XmlElement[] = [];
  const element = {
    ns: node.namespaceURI ?? '',
    name: checkedName(node),
    attributes: readAttributes(node),
    children,
    text: undefined as string | undefined,
    node,
  };
  elements.push(element);
  let text = '';
  for (const child of Array.from(node.childNodes)) {
    if (child.nodeType === ELEMENT) children.push(readElement(child, depth + 1, elements));
    else if (child.nodeType === TEXT) text += child.nodeValue ?? '';
    else throw new Error('neither element nor text');
  }
  if (children.length > 0 && text.trim() !== '') throw new Error('elements among text');
  element.text = children.length > 0 ? undefined : text;
  return element;
}

/** Names of one prefix at most, which is declared. */
function checkedName(node: DomNode): string {
  const parts = node.nodeName.split(':');
  const undeclared = parts.length === 2 && !node.namespaceURI;
  if (parts.length > 2 || undeclared || parts.some((part) => !/^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(part)))
    throw new Error('a name that is none');
  return node.localName ?? node.nodeName;
}

function readAttributes(node: DomNode): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  const seen = new Set<string>();
  for (const attribute of Array.from(node.attributes)) {
    const value = attribute.nodeValue ?? '';
    if (attribute.namespaceURI === XMLNS || /^xmlns(?::|$)/.test(attribute.nodeName)) {
      // Namespaces in XML 1.0, section 3: these two are bound for ever, and no prefix is bound to nothing.
      const bad = /^xmlns:(?:xml|xmlns)$/.test(attribute.nodeName) || [XMLNS, XML].includes(value);
      if (bad || (attribute.nodeName !== 'xmlns' && value === '')) throw new Error('a namespace that is none');
      continue;
    }
    const name = checkedName(attribute);
    const expanded = `${attribute.namespaceURI ?? ''} ${name}`;
    if (seen.has(expanded)) throw new Error('an attribute twice');
    seen.add(expanded);
    // An id by another name would be one for the signature library.
    if (attribute.prefix && /^id$/i.test(name)) throw new Error('an id with a prefix');
    if (!attribute.prefix) attributes.set(name, value);
  }
  return attributes;
}

export const isNamed = (element: XmlElement, ns: string, name: string): boolean =>
  element.ns === ns && element.name === name;

export const childrenNamed = (element: XmlElement, ns: string, name: string): readonly XmlElement[] =>
  element.children.filter((child) => isNamed(child, ns, name));

/** undefined: there is none, or more than one. */
export function onlyChild(element: XmlElement, ns: string, name: string): XmlElement | undefined {
  const found = childrenNamed(element, ns, name);
  return found.length === 1 ? found[0] : undefined;
}

/** xs:dateTime with its time zone, in milliseconds since the epoch; undefined: missing or something else. */
export function timeOf(element: XmlElement, name: string): number | undefined {
  const text = element.attributes.get(name) ?? '';
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** For text and attributes. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"'\r\n\t]/g, (character) => `&#${character.charCodeAt(0)};`);
