import { storedFields } from './document-text.ts';
import { ApiError } from './errors.ts';

/** Checks the `_geo` of a document; a bad one fails the whole batch, other clients' tasks included. */
export function checkGeo(id: string, text: string): void {
  const geo = storedFields(text).get('_geo');
  if (geo === undefined || geo === 'null') return;
  const where = `in the document with the id: \`"${id}"\``;
  if (!geo.startsWith('{')) {
    fail(
      `The \`_geo\` field ${where} is not an object. Was expecting an object with the \`_geo.lat\` and \`_geo.lng\` ` +
        `fields but instead got \`${geo}\`.`,
    );
  }
  const value = JSON.parse(geo) as Record<string, unknown>;
  for (const side of ['lat', 'lng']) {
    const given = value[side];
    if (given === undefined)
      fail(
        `Could not find ${side === 'lat' ? 'latitude' : 'longitude'} ${where}. Was expecting a \`_geo.${side}\` field.`,
      );
    const isNumber =
      typeof given === 'number' || (typeof given === 'string' && given !== '' && !Number.isNaN(Number(given)));
    if (!isNumber) {
      fail(
        `Could not parse ${side === 'lat' ? 'latitude' : 'longitude'} ${where}. Was expecting a finite number but ` +
          `instead got \`${JSON.stringify(given)}\`.`,
      );
    }
  }
}

function fail(message: string): never {
  throw new ApiError('invalid_document_geo_field', message);
}
