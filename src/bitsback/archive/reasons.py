"""Why files of a folder are held bit for bit, and what can be done about it."""

LOSSY, CAMERA_FILES, SMALLER, OTHER_KIND, DAMAGED, ASKED_FOR, NO_PICTURE = (
    "JPEG, WebP or GIF",
    "HEIC, AVIF, JPEG XL, JPEG 2000 or raw files of cameras",
    "smaller so than by their pixels",
    "of kinds that are not coded by their pixels",
    "damaged, or not what their endings say",
    "interlaced, or compressed neither by zlib nor by libtiff",
    "no pictures",
)
REMEDIES = {
    LOSSY: "they are compressed already, so nothing is to be done",
    CAMERA_FILES: "no model codes them, so nothing is to be done",
    SMALLER: "nothing is to be done",
    OTHER_KIND: "animations, CMYK, floats and the like; as .npy arrays some may be smaller",
    DAMAGED: "they come back as they are; --pictures-only refuses them by name",
    ASKED_FOR: "--files pixels codes them by their pixels",
    NO_PICTURE: "--pictures-only leaves them out",
}
"""By the reason: what a person can do."""
