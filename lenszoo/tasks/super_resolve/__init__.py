"""Super-resolution: finer images of coarse ones."""

from lenszoo.tasks import Headline, TaskInfo

TASKS = (
    TaskInfo(
        "super_resolve",
        "super-resolves images",
        Headline("psnr", "PSNR {:.2f} dB", tolerance=0.01),
        "lenszoo.tasks.super_resolve.recipe:SuperResolveRecipe",
        "lenszoo.tasks.super_resolve.task:SuperResolveTask",
        {
            "psnr": "PSNR {:.2f} dB",
            "ssim": "SSIM {:.4f}",
            "share_of_way": "{:.1%} of the way from bicubic to the floor",
        },
    ),
)
