"""100 megapixels, read and written in any format, stay under 2 GiB: so many bytes a pixel, and not one more."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from photo_files import INK, WIDE
from PIL import Image

from minicolor.data import tiff
from minicolor.data.about import About

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds private memory on Linux alone")
ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 4000, 2250  # 9 megapixels: each byte too much a pixel shows beside the bands, which weigh the same for any size
BANDS = 20 * 2**20  # with bands of 65,536 pixels; a million of them, as usual, take some 80 MB more, whatever the picture's size
# The most below is 17: with the bands, and 250 MB for Python and torch, 100 megapixels are 2.05 GB of the 2.15 that 2 GiB are.


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    ramp = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    rgb = Image.merge("RGB", [ramp, ramp.transpose(Image.Transpose.ROTATE_180), Image.new("L", ramp.size, 90)])
    rgb.save(folder / "profile.jpg", icc_profile=WIDE)
    rgb.save(folder / "progressive.jpg", progressive=True, subsampling=0)
    rgb.convert("CMYK").save(folder / "inks.jpg", icc_profile=INK)
    rgb.quantize(16, method=Image.Quantize.FASTOCTREE).save(folder / "palette.png", compress_level=1, transparency=3)
    rgba = rgb.copy()
    rgba.putalpha(200)
    rgba.save(folder / "alpha.png", compress_level=1)
    rgb.save(folder / "a.webp", quality=50, method=0)
    deep = np.asarray(rgb).astype(np.uint16) * 257
    Image.fromarray(deep[..., 0]).save(folder / "grey16.png", compress_level=1)
    with open(folder / "deep.tif", "wb") as f:
        tiff.save(f, [deep], deep, Image.Exif(), About(WIDE))
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -e '.[test]'")
    strips = cv2.imencode(".tif", deep, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1]
    (folder / "lzw.tif").write_bytes(strips.tobytes())
    return folder


PER_PIXEL = {  # Pillow's picture 4, ours 3 or 6; what progressive JPEG and WebP need to unpack; the packed file
    "profile.jpg out.jpg": 8, "progressive.jpg out.tif": 8, "inks.jpg out.jpg": 8, "palette.png out.png": 8,
    "alpha.png out.webp": 13, "a.webp out.png": 17, "grey16.png out.tif": 9,
    "deep.tif out.tif": 7, "deep.tif out.jpg": 11, "lzw.tif out.tif": 7,
}  # fmt: skip


@pytest.mark.parametrize("pair", PER_PIXEL)
def test_memory_is_bounded(pair, pictures):
    source, target = pair.split()
    program = f"""if 1:
        import resource, sys
        import numpy as np
        from PIL import Image
        from minicolor.data import photos, tiff
        tiff.BAND = 1 << 16
        Image.init()
        np.ones((99, 3), np.float32) @ np.linalg.inv(np.eye(3, dtype=np.float32))  # its library keeps buffers of its own
        used = int(next(l for l in open("/proc/self/status") if l.startswith("VmData")).split()[1]) * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (used + {BANDS + PER_PIXEL[pair] * WIDTH * HEIGHT},) * 2)
        photo = photos.read(sys.argv[1], deep=True)
        photos.write(sys.argv[2], photo.rgb, photo.exif, about=photo.about)
        print(*photo.rgb.shape)"""
    run = subprocess.run([sys.executable, "-c", program, pictures / source, pictures / target], cwd=ROOT, capture_output=True,
                         text=True, timeout=120)
    assert (run.stdout, run.returncode) == (f"{HEIGHT} {WIDTH} 3\n", 0), run.stderr[-1000:]
    with Image.open(pictures / target) as im:
        assert im.size == (WIDTH, HEIGHT)
