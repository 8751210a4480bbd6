"""The model for images of any size, kind and depth, `universal`.

    python recipes/universal.py --photos PHOTOS --images IMAGES --out runs/universal

PHOTOS holds patches_00.webp to patches_11.webp and val_00.webp, each a lossless picture of 1,024
photograph patches of 64 x 64 pixels. IMAGES holds arrays as train/KIND/*.npy and val/KIND/*.npy, of
the kinds below: slices of CT and MR and other medical images (med16), microscopy of 16 bits
(micro16), grey images of 8 bits (grey8), stacks (volume), images of several bands (multi), aerial
photographs (aerial) and graphics (graphics).

About an hour on one core, beside some minutes for looking at the pixels, which take 8 GB. With
--device cuda it trains there. Run again, it goes on from its checkpoints.

The curves beside this file are of the run that made the model that ships.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.items import VOLUME, Crop, Kind
from bitsback.train.fit.pixel_training import FreeRecipe
from bitsback.train.job.free.recipe_command import Material, Sampled, run_free
from bitsback.train.twins.pixel_predictor import PredictiveArchitecture

FIRST = FreeRecipe(
    "universal-first", steps=22_540, quantise_from=22_540, validate_every=2_254, constant=1.0
)
SECOND = FreeRecipe(
    "universal-second", steps=71_441, quantise_from=62_900, validate_every=2_900,
    learning_rate=1.6e-3, constant=0.1,
)  # fmt: skip
THIRD = FreeRecipe(
    "universal-third", steps=14_792, quantise_from=0, validate_every=1_600, learning_rate=4e-4,
    constant=0.0,
)  # fmt: skip
LAST = FreeRecipe(
    "universal", steps=11_000, quantise_from=0, validate_every=1_200, learning_rate=1e-4,
    constant=0.0, batch=4_096, muon=False, half=False,
)  # fmt: skip
SMALL, LARGE, TINY = Crop(6, 96), Crop(10, 128), Crop(1, 96)
MATERIAL = Material(
    photos=tuple(f"patches_{number:02}.webp" for number in range(1, 12)),
    photo_part=0.3,
    photo_share=0.6,
    others=(
        Sampled(
            (
                Kind("med16", 3, LARGE),
                Kind("micro16", 6, LARGE),
                Kind("grey8", 3, LARGE),
                Kind(VOLUME, 8, LARGE),
                Kind("multi", 6, LARGE),
            ),
            pixels=15_000,
            part=0.5,
            rounds=2,
        ),
        Sampled((Kind("graphics", 3, TINY), Kind("aerial", 10, TINY)), pixels=3_000, part=0.5),
    ),
    start_photos="patches_00.webp",
    start_others=tuple(
        Kind(name, 1, SMALL) for name in ("med16", "micro16", "grey8", VOLUME, "multi")
    ),
    validation_photos="val_00.webp",
    validation_part=0.15,
    validation={
        "med16": Sampled((Kind("med16", 2, Crop(10, 256)),), 60_000),
        "grey8": Sampled((Kind("grey8", 2, Crop(10, 256)),), 60_000),
        "volume": Sampled((Kind(VOLUME, 2, Crop(10, 256)),), 60_000),
        "graphics": Sampled((Kind("graphics", 2, Crop(1, 128)),), 10_000),
    },
)
CARD = Card(
    name="universal",
    about=(
        "images, stacks and volumes of any size, kind and depth, trained on photographs, medical"
        " images, microscopy, satellite images and graphics"
    ),
    licence="CC-BY-SA-4.0",
)

if __name__ == "__main__":
    run_free((FIRST, SECOND, THIRD, LAST), PredictiveArchitecture(), MATERIAL, CARD)
