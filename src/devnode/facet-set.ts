import { AttributeIndex, facetString, type FacetValue } from './attribute-index.ts';
import { type FacetRules, flattenFacets } from './facet-rules.ts';
import type { Shape } from './shapes.ts';

/** A top-level field that feeds filterable attributes. */
interface FacetField {
  /** Place of the field in the shape. */
  readonly position: number;
  readonly name: string;
  /** Null when not the field itself but only something below it is filterable. */
  readonly attribute: AttributeIndex | null;
}

/** What one document puts into the attribute indexes. */
export interface DocumentFacets {
  readonly attributes: AttributeIndex[];
  readonly values: FacetValue[];
}

/**
 * All attribute indexes of one index under one version of its settings.
 * New settings get a new set that is filled beside the old one, so readers never see half of it.
 */
export class FacetSet {
  readonly rules: FacetRules;
  readonly attributes = new Map<string, AttributeIndex>();
  private readonly fields = new Map<Shape, readonly FacetField[]>();

  constructor(rules: FacetRules) {
    this.rules = rules;
  }

  /** Facets of a document; `valueText` gives the JSON text of the field at a position of the shape. */
  read(shape: Shape, valueText: (position: number) => string): DocumentFacets {
    const facets: DocumentFacets = { attributes: [], values: [] };
    for (const field of this.fieldsOf(shape)) {
      const text = valueText(field.position);
      const c = text.charCodeAt(0);
      if (field.attribute && c !== 0x5b && c !== 0x7b && text !== 'null' && text !== '""') {
        facets.attributes.push(field.attribute);
        const isText = c === 0x22;
        const isNumber = c === 0x2d || (c >= 0x30 && c <= 0x39);
        facets.values.push(isNumber ? Number(text) : facetString(isText ? (JSON.parse(text) as string) : text));
        continue;
      }
      const flat = flattenFacets(field.name, JSON.parse(text), (path) => this.rules.match(path) !== null);
      for (const [path, value] of flat) {
        facets.attributes.push(this.attribute(path));
        facets.values.push(value);
      }
    }
    return facets;
  }

  /** Puts a document in, or takes it out when it has no facets any more. */
  assign(internal: number, facets: DocumentFacets | null): void {
    for (const attribute of this.attributes.values()) {
      const at = facets ? facets.attributes.indexOf(attribute) : -1;
      if (at >= 0) attribute.set(internal, facets?.values[at]);
      else if (attribute.valueOf(internal) !== undefined) attribute.set(internal, undefined);
    }
  }

  private attribute(path: string): AttributeIndex {
    let attribute = this.attributes.get(path);
    if (!attribute) {
      attribute = new AttributeIndex(path);
      this.attributes.set(path, attribute);
    }
    return attribute;
  }

  private fieldsOf(shape: Shape): readonly FacetField[] {
    let fields = this.fields.get(shape);
    if (!fields) {
      fields = shape.names.flatMap((name, position) => {
        const attribute = this.rules.match(name) ? this.attribute(name) : null;
        return attribute || this.rules.mayMatchBelow(name) ? [{ position, name, attribute }] : [];
      });
      this.fields.set(shape, fields);
    }
    return fields;
  }
}
