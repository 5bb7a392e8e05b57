"""A curl command for each operation, which the reference shows and the tests run.

`$NST` is the service's URL, `$NST_KEY` an API key (omit the header if there is none), `$JOB` the id of a job
and `$ASSET` the content address of an asset.
"""

from collections.abc import Mapping

KEY = '-H "Authorization: Bearer $NST_KEY"'
SAMPLES: Mapping[str, str] = {
    "create_job": f'curl -sS "$NST/v1/jobs" {KEY} -F content=@photo.jpg -F style_name=waves -F max_size=512',
    "list_jobs": f'curl -sS "$NST/v1/jobs?status=succeeded&limit=10" {KEY}',
    "get_job": f'curl -sS "$NST/v1/jobs/$JOB" {KEY}',
    "cancel_job": f'curl -sS -X POST "$NST/v1/jobs/$JOB/cancel" {KEY}',
    "retry_job": f'curl -sS -X POST "$NST/v1/jobs/$JOB/retry" {KEY}',
    "delete_job": f'curl -sS -X DELETE "$NST/v1/jobs/$JOB" {KEY}',
    "create_asset": f'curl -sS "$NST/v1/assets" {KEY} -F content=@photo.jpg',
    "get_asset": f'curl -sS "$NST/v1/assets/$ASSET" {KEY}',
    "delete_asset": f'curl -sS -X DELETE "$NST/v1/assets/$ASSET" {KEY}',
    "get_events": f'curl -sSN "$NST/v1/jobs/$JOB/events" {KEY}',
    "get_result": f'curl -sS -o painting.jpg "$NST/v1/jobs/$JOB/result?format=jpeg" {KEY}',
    "get_preview": f'curl -sS -o preview.webp "$NST/v1/jobs/$JOB/preview?format=webp" {KEY}',
    "get_timelapse": f'curl -sS -o timelapse.webp "$NST/v1/jobs/$JOB/timelapse" {KEY}',
    "get_content": f'curl -sS -o content.png "$NST/v1/jobs/$JOB/content" {KEY}',
    "get_style": f'curl -sS -o style.png "$NST/v1/jobs/$JOB/style/0" {KEY}',
    "get_mask": f'curl -sS -o mask.png "$NST/v1/jobs/$JOB/mask/0" {KEY}',
    "get_style_mask": f'curl -sS -o style_mask.png "$NST/v1/jobs/$JOB/style_mask/0" {KEY}',
    "list_models": f'curl -sS "$NST/v1/models" {KEY}',
    "list_presets": f'curl -sS "$NST/v1/presets" {KEY}',
    "list_styles": f'curl -sS "$NST/v1/styles" {KEY}',
    "get_style_picture": f'curl -sS -o waves.png "$NST/v1/styles/waves/picture" {KEY}',
    "list_workers": f'curl -sS "$NST/v1/workers" {KEY}',
    "get_usage": f'curl -sS "$NST/v1/usage?days=31&until=2026-01-31" {KEY}',
    "get_metrics": f'curl -sS "$NST/metrics" {KEY}',
    "get_health": 'curl -sS "$NST/healthz"',
    "get_readiness": 'curl -sS "$NST/readyz"',
}
