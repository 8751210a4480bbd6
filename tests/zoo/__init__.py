"""A zoo of picture files: TIFF, PNG, BMP and PNM of every kind that a writer can make, some of them
damaged, and readers other than bitsback's to compare restored files.

    png_files.py       PNG by hand: types of colour, depths, interlace, filters, odd chunks
    animated_files.py  animated PNG by hand
    bitmap_files.py    BMP and PNM by hand
    tiff_files.py      TIFF by tifffile, its options crossed, and by hand what it does not write
    library_files.py   all four by Pillow and imagecodecs
    tool_files.py      by libtiff's tools, netpbm and ImageMagick, where they are installed
    compared.py        whether two files are the same, bytes aside, by readers that are not ours
    test_zoo.py        every file through a folder, and TIFF on its own too
    test_damaged.py    a small file of each format with damage of every kind

A file is a name and a function that makes its bytes. Each module yields the same files every time.
"""
