// The state of the page and the actions that change it. Views watch the store; they hold no state of the job.

import { observable } from "../lib/observable.js";
import { catalogActions } from "./catalog.js";
import { createDrafts } from "./drafts.js";
import { imageActions } from "./images.js";
import { jobActions } from "./jobs.js";
import { createParams } from "./params.js";

// Used until the service has sent its own limits.
const DEFAULT_LIMITS = { max_file_bytes: 20 * 1024 ** 2, max_styles: 8, max_pixels: 50e6, min_side: 16, max_side: 16384 };

/** Create the store. */
export function createStore({ client, connection, apiKey }) {
  const store = {
    client,
    connection,
    apiKey,
    params: createParams(),
    photo: observable(null), // an image or film, see image_file.js
    styles: observable([]), // { id, name, title, summary, thumbnail, url, image }; `name` is null for an uploaded style
    chosenStyles: observable([]), // styles with a `weight`
    models: observable([]),
    limits: observable(DEFAULT_LIMITS),
    job: observable(null), // the job that is open
    startJob: observable(null), // the finished job whose picture the next one starts from; null for the photo
  };
  Object.assign(store, catalogActions(store, DEFAULT_LIMITS), imageActions(store), jobActions(store));
  return Object.assign(store, { drafts: createDrafts(store) });
}
