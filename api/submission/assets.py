"""Assets of a request: keeping an uploaded picture, and finding the stored picture that a job names."""

from dataclasses import dataclass, replace

from anyio import to_thread

from api.decoding.conversions import MEDIA_TYPE, Conversions, StoredPicture
from api.decoding.pool import Decoder
from api.decoding.task import FilmFacts, FilmTask
from api.problems import InvalidField, ProblemError, as_problem
from api.submission.sources import CONTENT_ADDRESS, JOB_PICTURE, MASKS, AssetReference, Source, Upload
from jobs.errors import BlobNotFound, JobNotFound
from jobs.model import BlobRef, Job
from jobs.storage.blobs import Blobs
from jobs.store.assets import Asset, AssetStore, new_asset_blob
from jobs.store.job_store import JobStore
from nst_engine.spec.errors import PictureError


@dataclass(frozen=True, kw_only=True)
class Assets:
    """Keep and find the assets of an owner."""

    assets: AssetStore
    store: JobStore
    blobs: Blobs
    decoder: Decoder
    conversions: Conversions

    async def keep(self, upload: Upload, owner: str) -> tuple[Asset, bool]:
        """Keep a picture; return its asset, and whether it is new."""
        known = await self.assets.use(owner, upload.sha256)
        if known is not None:
            return known, False
        await self.assets.check_room(owner)
        stored = await self.store_upload(upload, new_asset_blob(owner, upload.sha256), owner)
        return await self.assets.keep(owner, upload.sha256, stored.ref.name), True

    async def delete(self, owner: str, sha256: str) -> bool:
        """Remove an asset; return False if there is none."""
        blob = await self.assets.delete(owner, sha256)
        if blob is not None:
            await to_thread.run_sync(self.blobs.delete, blob)
        return blob is not None

    async def store_upload(self, upload: Upload, name: str, owner: str) -> StoredPicture:
        """Decode an upload and store it; raises ProblemError, which says which file it was."""
        png = upload.path.with_suffix(".png")
        try:
            async with self.decoder.turn(owner):
                is_black = await self.decoder.decode(upload.path, png, part=upload.part)
        except PictureError as error:
            raise _refusal(error, upload) from None
        finally:
            upload.path.unlink(missing_ok=True)
        try:
            return StoredPicture(await to_thread.run_sync(self.blobs.take, name, png, MEDIA_TYPE), is_black)
        finally:
            png.unlink(missing_ok=True)

    async def store_film(self, upload: Upload, name: str, owner: str, task: FilmTask) -> tuple[BlobRef, FilmFacts]:
        """Store a film as it is, with what is in it; raises ProblemError."""
        try:
            async with self.decoder.turn(owner):
                facts = await self.decoder.probe_film(upload.path, task)
            return await to_thread.run_sync(self.blobs.take, name, upload.path, facts.media_type), facts
        except PictureError as error:
            raise _refusal(error, upload) from None
        finally:
            upload.path.unlink(missing_ok=True)

    async def copy(self, reference: AssetReference, name: str, owner: str) -> StoredPicture:
        """Copy the stored picture that a request names to the blob `name`; raises ProblemError."""
        source = await self._find(reference, owner)
        if source is None:
            raise _unknown(reference)
        try:
            if reference.part in MASKS:  # stored as a photo; as a mask it may be refused
                return await self.conversions.decode(source.name, name, owner=owner, part=reference.part)
            if source.media_type != MEDIA_TYPE:  # a result, which may have any format; the inputs of a job are PNGs
                data = await self.conversions.convert(source.name, "png", owner=owner)
                return StoredPicture(await to_thread.run_sync(self.blobs.put, name, data, MEDIA_TYPE))
            await to_thread.run_sync(self.blobs.copy, source.name, name)
        except BlobNotFound:
            raise _unknown(reference) from None
        except PictureError as error:
            raise _refusal(error, reference) from None
        return StoredPicture(replace(source, name=name))

    async def _find(self, reference: AssetReference, owner: str) -> BlobRef | None:
        if match := CONTENT_ADDRESS.fullmatch(reference.asset):
            asset = await self.assets.use(owner, match[1])
            return None if asset is None else BlobRef(name=asset.blob, sha256=match[1], bytes=0, media_type=MEDIA_TYPE)
        if match := JOB_PICTURE.fullmatch(reference.asset):
            try:
                job = await self.store.get(match[1], owner)
            except JobNotFound:
                return None
            if job.options.film is not None and match[2] in ("content", "result"):
                raise _unusable(reference, "this is a film; name a picture, or upload a frame of it")
            return _picture_of(job, match[2])
        return None


def _picture_of(job: Job, what: str) -> BlobRef | None:
    """Return a picture of a job; None if it has none, or no longer."""
    if job.expired:
        return None
    if what == "content":
        return job.inputs.content
    if what == "result":
        done = job.result
        if done is None:
            return None
        return BlobRef(name=done.blob, sha256=done.sha256, bytes=done.bytes, media_type=done.media_type)
    index = int(what.removeprefix("style/"))
    return job.inputs.styles[index] if index < len(job.inputs.styles) else None


def _unknown(reference: AssetReference) -> ProblemError:
    return _unusable(reference, "there is no such picture of yours; upload it again")


def _unusable(reference: AssetReference, detail: str) -> ProblemError:
    errors = [InvalidField(pointer=reference.pointer, detail=detail)]
    return ProblemError(422, "asset_unknown", f"{reference.pointer.removeprefix('#/')}: {detail}", errors=errors)


def _refusal(error: PictureError, picture: Source) -> ProblemError:
    problem = as_problem(error)
    errors = [InvalidField(pointer=picture.pointer, detail=error.message)]
    return ProblemError(problem.status, problem.code, f"{picture.part}: {error.message}", errors=errors)
