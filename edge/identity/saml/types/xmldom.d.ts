// What is used of @xmldom/xmldom. Its own declarations bring the whole DOM of browsers into the Worker's types
// (`paths` in tsconfig.base.json).

type Report = (message: string) => void;

declare class DOMParser {
  constructor(options: { errorHandler: { warning: Report; error: Report; fatalError: Report } });
  parseFromString(xml: string, type: 'text/xml'): unknown;
}

export { DOMParser };
