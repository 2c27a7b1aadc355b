// What the test says to the EHR, and asks it.

export class Ehr {
  constructor({ portal, fhir, trap }) {
    Object.assign(this, { portal, fhir, trap });
  }

  async #get(name, query = {}) {
    return (await fetch(`${this.portal}/control/${name}?${new URLSearchParams(query)}`)).json();
  }

  async #post(name, body) {
    return (await fetch(`${this.portal}/control/${name}`, { method: 'POST', body: JSON.stringify(body) })).json();
  }

  iss(registration = 'key') {
    return `${this.fhir}/${registration}/fhir`;
  }

  /** The address an EHR opens for a launch; `options` as in launches.mjs, and `registration`. */
  async launchAddress(app, { registration = 'key', launchUrl, ...options }) {
    const { id } = await this.#post('launch', options);
    return `${launchUrl ?? `${app.base}/smart/launch`}?${new URLSearchParams({ iss: this.iss(registration), launch: id })}`;
  }

  chart = (story) => this.#get('chart', { story });
  log = (since) => this.#get('log', { since });
  secrets = () => this.#get('secrets');
  trapped = () => this.#get('trapped');
  resources = (type, patient) => this.#get('resources', { type, patient });
  remove = (type, patient) => this.#get('remove', { type, patient });

  /** The hook call for a story's order, everything to be fetched. */
  async hookCall(app, story) {
    const { request } = await this.chart(story);
    const access_token = await this.#post('token', { story });
    const { prefetch, ...rest } = request;
    const fhirAuthorization = { access_token, token_type: 'Bearer', expires_in: 300, scope: 'patient/*.rs', subject: 'e2e' };
    const body = JSON.stringify({ ...rest, fhirServer: this.iss(), fhirAuthorization });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${app.base}/cds-services/sacroiliac-joint-interventions`, { method: 'POST', headers, body });
    const response = await answer.json();
    if (!answer.ok) throw new Error(`the hook call is answered ${answer.status}: ${JSON.stringify(response).slice(0, 300)}`);
    return response;
  }
}
