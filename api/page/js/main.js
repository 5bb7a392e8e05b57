// The composition root: builds the studio and lets everything show itself.

import { showAdvanced } from "./advanced.js";
import { makeClient } from "./client.js";
import { makeConnection } from "./connection.js";
import { byId } from "./dom.js";
import { showGallery } from "./gallery.js";
import { makeHistory } from "./history.js";
import { acceptDrops, acceptPastes } from "./intake.js";
import { makeKey } from "./key.js";
import { showLook } from "./look.js";
import { showConnection } from "./notices.js";
import { showPaint } from "./paint.js";
import { showPhoto } from "./photo.js";
import { usePigments } from "./pigments.js";
import { keepAddress, onAddress } from "./route.js";
import { makeStage } from "./stage.js";
import { makeStudio } from "./studio.js";
import { showTheme } from "./theme.js";

const LOOK_MILLISECONDS = 15000;

const connection = makeConnection();
const key = makeKey();
const studio = makeStudio({ client: makeClient({ key, connection }), connection, key });
const jobs = makeHistory(studio);
const stage = makeStage(studio);

studio.ended = (job) => jobs.put(job);

showTheme();
showConnection(connection);
showPhoto(studio);
showGallery(studio);
showLook(studio);
showAdvanced(studio);
showPaint(studio);
takePictures();
watchPainting();
watchJob();
goHome();
begin();

function takePictures() {
  const take = (files, role) => files.forEach((file) => studio.attempt(() => (role === "photo" ? studio.takePhoto(file) : studio.takeStyle(file))));
  acceptDrops((files, role) => take(role === "photo" ? files.slice(0, 1) : files, role));
  acceptPastes((files) => take(files.slice(0, 1), studio.photo.get() ? "style" : "photo"));
}

function watchPainting() {
  let shown = null;
  studio.chosenStyles.watch(([first]) => {
    if (!first?.thumb || first.thumb === shown) return;
    shown = first.thumb;
    studio.colours = usePigments(first.thumb).catch(() => null);
  });
}

function watchJob() {
  studio.job.watch((job) => {
    if (job) stage.open(job);
    else stage.close();
    if (job) jobs.put(job);
    jobs.mark(job?.id ?? null);
  });
  onAddress((id) => (id ? studio.openJob(id) : studio.startAnew()));
}

function goHome() {
  keepAddress();
  byId("home").addEventListener("click", (event) => {
    event.preventDefault();
    studio.startAnew();
  });
}

async function begin() {
  let loaded = false;
  const load = async () => {
    const recent = await studio.attempt(async () => {
      const [found] = await Promise.all([jobs.refresh(), studio.load()]);
      if (!loaded) await studio.findJob(found);
    });
    loaded ||= recent;
  };
  await load();
  key.watch(skipFirst(() => { loaded = false; load(); }));
  let wasOnline = true;
  connection.state.watch(({ online }) => {
    if (online && !wasOnline) load();
    wasOnline = online;
  });
  setInterval(lookAround, LOOK_MILLISECONDS);
}

/** See whether workers came or went, and how jobs do that are not open. */
function lookAround() {
  if (document.hidden || !connection.state.get().online) return;
  Promise.all([studio.loadModels(), jobs.glance()]).catch(() => {});
}

/** Leave out the call with which watching begins. */
function skipFirst(watcher) {
  let first = true;
  return () => {
    if (!first) watcher();
    first = false;
  };
}
