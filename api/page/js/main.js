// The entry point: creates the store, mounts every part of the page and loads the data.

import { createClient } from "./api/client.js";
import { createConnection } from "./api/connection.js";
import { mountAdvancedControls } from "./form/advanced_section.js";
import { mountControls } from "./form/controls.js";
import { mountDraftRow } from "./form/draft_row.js";
import { acceptDrops, acceptPastes } from "./form/file_inputs.js";
import { mountPhotoField } from "./form/photo_field.js";
import { mountStartPicture } from "./form/start_picture.js";
import { mountStyleGallery } from "./form/style_gallery.js";
import { mountSubmitButton } from "./form/submit_button.js";
import { byId } from "./lib/dom.js";
import { createApiKey } from "./shell/api_key_dialog.js";
import { mountConnectionBanner } from "./shell/connection_banner.js";
import { mountPalette } from "./shell/palette.js";
import { mountThemeButton } from "./shell/theme_button.js";
import { reportErrors } from "./state/errors.js";
import { keepUrlOnJumps, watchUrl } from "./state/job_url.js";
import { createStore } from "./state/store.js";
import { createJobHistory } from "./views/job_history.js";
import { mountViewRouter } from "./views/view_router.js";

const REFRESH_MILLISECONDS = 15000;

const connection = createConnection();
const apiKey = createApiKey();
const store = createStore({ client: createClient({ apiKey, connection }), connection, apiKey });
const jobHistory = createJobHistory(store);

mountThemeButton();
mountConnectionBanner(connection);
mountPalette(store);
mountPhotoField(store);
mountStartPicture(store);
mountStyleGallery(store);
mountControls(store);
mountAdvancedControls(store);
mountDraftRow(store);
mountSubmitButton(store);
mountViewRouter(store, { onJobEnded: jobHistory.put });
mountFileInputs();
mountNavigation();
load();

function mountFileInputs() {
  const take = (files, role) => files.forEach((file) => reportErrors(() => (role === "photo" ? store.setPhoto(file) : store.addStyle(file))));
  acceptDrops((files, role) => take(role === "photo" ? files.slice(0, 1) : files, role));
  acceptPastes((files) => take(files.slice(0, 1), store.photo.get() ? "style" : "photo"));
}

function mountNavigation() {
  store.job.watch((job) => {
    if (job) jobHistory.put(job);
    jobHistory.mark(job?.id ?? null);
  });
  watchUrl((id) => (id ? store.openJob(id) : store.closeJob()));
  keepUrlOnJumps();
  byId("home").addEventListener("click", (event) => {
    event.preventDefault();
    store.closeJob();
  });
}

/** Load everything, and again when the API key changes or the service responds again. */
async function load() {
  let isJobRestored = false;
  const loadAll = () => reportErrors(async () => {
    const [recent] = await Promise.all([jobHistory.load(), store.loadCatalog()]);
    if (!isJobRestored) await store.restoreJob(recent);
    isJobRestored = true;
  });
  await loadAll();
  apiKey.watch(() => {
    isJobRestored = false;
    loadAll();
  }, { immediate: false });
  let wasOnline = true;
  connection.state.watch(({ online }) => {
    if (online && !wasOnline) loadAll();
    wasOnline = online;
  });
  setInterval(refresh, REFRESH_MILLISECONDS);
}

/** Find out which networks have a worker now, and how the other jobs do. */
function refresh() {
  if (document.hidden || !connection.state.get().online) return;
  Promise.all([store.loadModels(), jobHistory.refresh()]).catch(() => {});
}
