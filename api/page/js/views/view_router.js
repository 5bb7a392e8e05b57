// Chooses the view: the open job (waiting or running, finished, or failed), else the start. The views of jobs are loaded
// when the visitor has a photo, so that the page opens sooner.

import { hasEnded } from "../api/job.js";
import { watchJob } from "../api/job_watcher.js";
import { byId } from "../lib/dom.js";
import { STATUS_LABELS, percent } from "../lib/format.js";
import { announce } from "../shell/toasts.js";
import { reportErrors, showError } from "../state/errors.js";
import { photoView, welcomeView } from "./start_view.js";

const PAGE_TITLE = document.title;

/** Show the views; calls `onJobEnded(job)` when the open job ends. */
export function mountViewRouter(store, { onJobEnded }) {
  const container = byId("view");
  let shown = {};
  let watcher = null;
  let jobViews = null;

  async function loadJobViews() {
    jobViews ??= await import("./job_views.js");
  }

  function show(name, view) {
    shown.stop?.();
    shown = view;
    container.dataset.view = name;
    const hadFocus = container.contains(document.activeElement);
    container.replaceChildren(...view.elements);
    if (hadFocus) container.focus({ preventScroll: true });
  }

  function showStart() {
    const photo = store.photo.get();
    if (photo) show("photo", photoView(store, photo));
    else show("welcome", welcomeView(store));
  }

  function showEnd(job) {
    if (job.status === "succeeded" && !job.expired) show("result", jobViews.resultView(store, job));
    else show("failure", jobViews.failureView(store, job));
  }

  function showRunning(job) {
    const view = jobViews.runningView(store, job);
    show("running", view);
    const own = (watcher = watchJob(store, job));
    const update = oncePerFrame(() => view.update(own.get()));
    own.watch((state) => {
      update();
      showTitle(state);
    });
    const ifOpen = (action) => (argument) => { if (watcher === own) action(argument); };
    own.ended.then(ifOpen(() => finish(own.get().job)), ifOpen(abandon));
  }

  function finish(job) {
    watcher = null;
    showTitle({ job });
    showEnd(job);
    announce(job.status === "succeeded" ? "The picture is finished." : `The job has ended: ${STATUS_LABELS[job.status]}.`);
    onJobEnded(job);
  }

  function abandon(error) {
    showError(error);
    if (error.status === 404) store.closeJob(); // deleted by someone else
  }

  function showJob(job) {
    if (hasEnded(job)) showEnd(job);
    else showRunning(job);
  }

  store.job.watch((job) => {
    watcher?.stop();
    watcher = null;
    showTitle({ job: null });
    if (job === null) showStart();
    else if (jobViews) showJob(job);
    else reportErrors(loadJobViews).then((loaded) => { if (loaded && store.job.get() === job) showJob(job); });
  });
  store.photo.watch((photo) => {
    if (store.job.get() === null) showStart();
    if (photo) loadJobViews().catch(() => {}); // tried again when a job is opened
  }, { immediate: false });
}

function oncePerFrame(work) {
  let isScheduled = false;
  return () => {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      work();
    });
  };
}

/** Show the open job's state in the page's title, for visitors who are in another tab. */
function showTitle({ job, progress }) {
  const share = job && !hasEnded(job) && progress?.total ? percent(progress.iteration / progress.total) : null;
  document.title = job ? `${share ?? STATUS_LABELS[job.status]} · nst` : PAGE_TITLE;
}
