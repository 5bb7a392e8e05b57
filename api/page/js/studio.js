// What the page knows and what can be done with it; the views only show it.

import { Refusal, Unreachable } from "./client.js";
import { say, toast } from "./notices.js";
import { observable } from "./observable.js";
import { PictureProblem, readPicture, release } from "./picture.js";
import { makeRecipe } from "./recipe.js";
import { jobInAddress, setAddress } from "./route.js";
import { send, wishOf } from "./submission.js";

// What the service takes as long as it has not said so itself.
const LIMITS = { max_file_bytes: 20 * 1024 ** 2, max_styles: 8, max_pixels: 50e6, min_side: 16, max_side: 16384 };

/** Make the studio. */
export function makeStudio({ client, connection, key }) {
  const studio = {
    client, connection, key,
    recipe: makeRecipe(),
    photo: observable(null),
    styles: observable([]),
    chosenStyles: observable([]),
    models: observable([]),
    limits: observable(LIMITS),
    job: observable(null),
    colours: Promise.resolve(null),
    tell: (words, action = null) => toast(words, action),
  };
  return Object.assign(studio, attempts(studio), pictures(studio), catalogue(studio), jobs(studio));
}

function attempts(studio) {
  function failed(error) {
    if (error.name === "AbortError" || error instanceof Unreachable || error.status === 401) return;
    if (!(error instanceof Refusal || error instanceof PictureProblem)) console.error(error);
    studio.tell(error instanceof Refusal || error instanceof PictureProblem ? error.message : "That did not work. Try it again.");
  }

  /** Do something, tell people if it fails; tells whether it worked. */
  async function attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  }

  return { failed, attempt };
}

function pictures(studio) {
  let count = 0;

  async function takePhoto(blob, name) {
    const photo = await readPicture(blob, { name, limits: studio.limits.get() });
    const before = studio.photo.get();
    if (studio.job.get()) studio.startAnew();
    studio.photo.set(photo);
    release(before);
    say(`${photo.name} is the photo.`);
  }

  async function takeStyle(blob, name) {
    const picture = await readPicture(blob, { name, limits: studio.limits.get() });
    count += 1;
    const style = { id: `own-${count}`, name: null, title: picture.name, summary: "", thumb: picture.url, picture };
    studio.styles.set([...studio.styles.get(), style]);
    const chosen = studio.chosenStyles.get();
    const several = chosen.length > 1 && chosen.length < studio.limits.get().max_styles;
    studio.chosenStyles.set(several ? [...chosen, style] : [style]);
    say(`${picture.name} is the painting.`);
  }

  return { takePhoto, takeStyle };
}

function catalogue(studio) {
  async function loadStyles() {
    const { styles } = await studio.client.json("v1/styles");
    const builtIn = styles.map((style) => ({
      id: style.name, name: style.name, title: style.title, summary: style.summary, thumb: style.thumbnail, url: style.picture,
    }));
    const own = studio.styles.get().filter(({ name }) => name === null);
    studio.styles.set([...builtIn, ...own]);
    if (!studio.chosenStyles.get().length) studio.chosenStyles.set(builtIn.slice(0, 1));
  }

  async function loadPresets() {
    const { presets, limits } = await studio.client.json("v1/presets");
    studio.limits.set({ ...LIMITS, ...limits });
    studio.recipe.presets.set(presets);
    studio.recipe.usePreset(studio.recipe.preset().name);
  }

  async function loadModels() {
    const { models } = await studio.client.json("v1/models");
    if (JSON.stringify(models) !== JSON.stringify(studio.models.get())) studio.models.set(models);
  }

  /** Load what can be chosen. */
  async function load() {
    await Promise.all([studio.attempt(loadStyles), studio.attempt(loadPresets), studio.attempt(loadModels)]);
  }

  function changesOf(params) {
    const base = studio.recipe.presets.get().find(({ name }) => name === params.preset)?.params ?? {};
    const changed = ([name, value]) => name === "preset" || JSON.stringify(value) !== JSON.stringify(base[name]);
    return Object.fromEntries(Object.entries(params).filter(changed));
  }

  return { load, loadModels, changesOf };
}

function jobs(studio) {
  const show = (job) => {
    studio.job.set(job);
    setAddress(job?.id ?? null);
  };

  /** Send what is chosen. */
  async function paint({ timelapse }) {
    const job = await send(studio, wishOf({ ...studio, timelapse }));
    show(job);
    say("The job is sent.");
  }

  async function openJob(id) {
    await studio.attempt(async () => {
      try {
        show(await studio.client.json(`v1/jobs/${encodeURIComponent(id)}`));
      } catch (error) {
        if (error.status === 404) setAddress(null);
        throw error;
      }
    });
  }

  /** Take a job's pictures and parameters up again, to be changed. */
  async function reopen(job) {
    await studio.attempt(async () => {
      const photo = await studio.client.blob(job.urls.content);
      const known = studio.styles.get().filter(({ name }) => name !== null && job.style_names.includes(name));
      const blobs = known.length ? [] : await Promise.all(job.urls.style.map((url) => studio.client.blob(url)));
      studio.chosenStyles.set(known);
      for (const [index, blob] of blobs.entries()) await addAgain(blob, index, job.params.style_blend);
      studio.recipe.load(job.params);
      await studio.takePhoto(photo, "Photo of before");
    });
  }

  async function addAgain(blob, index, blend) {
    const before = studio.chosenStyles.get();
    await studio.takeStyle(blob, `Painting ${index + 1} of before`);
    const [style] = studio.styles.get().slice(-1);
    studio.chosenStyles.set([...before, { ...style, weight: blend?.[index] ?? 1 }]);
  }

  async function retry(job) {
    await studio.attempt(async () => show(await studio.client.json(job.urls.retry, { method: "POST" })));
  }

  /** Find the job that the address names, or one that still runs. */
  async function findJob(recent) {
    const id = jobInAddress();
    if (id) return openJob(id);
    const going = recent.find(({ status }) => status === "running" || status === "queued");
    return going && show(going);
  }

  const startAnew = () => show(null);
  const removed = (job) => { if (studio.job.get()?.id === job.id) startAnew(); };
  return { paint, openJob, reopen, retry, findJob, startAnew, removed };
}
