"""Which surface each pixel sees, and its colour: a visibility buffer, then one shading pass.

A pixel's ray is looked up in a table, so lens distortion costs nothing and is exact: triangles are tested as planes
through the eye (Olano and Greer, "Triangle scan conversion using 2D homogeneous coordinates", 1997), which needs no
clipping either. Anti-aliasing and motion blur are a sum of several such passes at other instants and pixel offsets.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEAR = 0.02


@njit(nogil=True, cache=True)
def to_camera(vertices, rotation, translation, out):
    """(T, 3, 3) world → camera."""
    for i in range(vertices.shape[0]):
        for j in range(3):
            x, y, z = vertices[i, j, 0], vertices[i, j, 1], vertices[i, j, 2]
            for k in range(3):
                out[i, j, k] = rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z + translation[k]


@njit(nogil=True, cache=True)
def _distort(x, y, k1, k2):
    r2 = x * x + y * y
    g = 1.0 + k1 * r2 + k2 * r2 * r2
    return x * g, y * g


@njit(nogil=True, cache=True)
def visibility(cam, two_sided, ray_x, ray_y, lens, limit, inverse_depth, triangle):
    """Fill `inverse_depth` (h, w) with 1/z and `triangle` (h, w) with the nearest triangle, -1 for none.

    Args:
        cam: (T, 3, 3) triangles in the camera's frame.
        ray_x, ray_y: (h, w) undistorted ray of every pixel at z = 1.
        lens: fx, fy, cx, cy, k1, k2 of this pixel grid.
        limit: largest |ray_x| and |ray_y|, beyond which the lens model needs not hold.
    """
    height, width = ray_x.shape
    fx, fy, cx, cy, k1, k2 = lens[0], lens[1], lens[2], lens[3], lens[4], lens[5]
    inverse_depth[:] = 0.0
    triangle[:] = -1
    for i in range(cam.shape[0]):
        ax, ay, az = cam[i, 0, 0], cam[i, 0, 1], cam[i, 0, 2]
        bx, by, bz = cam[i, 1, 0], cam[i, 1, 1], cam[i, 1, 2]
        dx, dy, dz = cam[i, 2, 0], cam[i, 2, 1], cam[i, 2, 2]
        if az < NEAR and bz < NEAR and dz < NEAR:
            continue
        # Planes through the eye and each edge, opposite to a, b, d.
        px, py, pz = by * dz - bz * dy, bz * dx - bx * dz, bx * dy - by * dx
        volume = ax * px + ay * py + az * pz
        if volume == 0.0 or (volume > 0.0 and not two_sided[i]):
            continue
        qx, qy, qz = dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax
        sx, sy, sz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        x0, x1, y0, y1 = 1e9, -1e9, 1e9, -1e9
        for j in range(3):
            k = (j + 1) % 3
            zj, zk = cam[i, j, 2], cam[i, k, 2]
            if zj >= NEAR:
                x, y = cam[i, j, 0] / zj, cam[i, j, 1] / zj
                x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
            if (zj >= NEAR) != (zk >= NEAR):
                f = (NEAR - zj) / (zk - zj)
                x = (cam[i, j, 0] + f * (cam[i, k, 0] - cam[i, j, 0])) / NEAR
                y = (cam[i, j, 1] + f * (cam[i, k, 1] - cam[i, j, 1])) / NEAR
                x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
        if x0 > limit[0] or x1 < -limit[0] or y0 > limit[1] or y1 < -limit[1]:
            continue
        x0, x1 = max(x0, -limit[0]), min(x1, limit[0])
        y0, y1 = max(y0, -limit[1]), min(y1, limit[1])
        # Along a side of this rectangle distortion is monotone in the distance from the axis it crosses.
        far_y, near_y = max(abs(y0), abs(y1)), (0.0 if y0 <= 0.0 <= y1 else min(abs(y0), abs(y1)))
        far_x, near_x = max(abs(x0), abs(x1)), (0.0 if x0 <= 0.0 <= x1 else min(abs(x0), abs(x1)))
        u0 = min(_distort(x0, far_y, k1, k2)[0], _distort(x0, near_y, k1, k2)[0])
        u1 = max(_distort(x1, far_y, k1, k2)[0], _distort(x1, near_y, k1, k2)[0])
        v0 = min(_distort(far_x, y0, k1, k2)[1], _distort(near_x, y0, k1, k2)[1])
        v1 = max(_distort(far_x, y1, k1, k2)[1], _distort(near_x, y1, k1, k2)[1])
        c0, c1 = max(0, int(np.floor(fx * u0 + cx))), min(width - 1, int(np.ceil(fx * u1 + cx)))
        r0, r1 = max(0, int(np.floor(fy * v0 + cy))), min(height - 1, int(np.ceil(fy * v1 + cy)))
        scale = 1.0 / volume
        px, py, pz = px * scale, py * scale, pz * scale
        qx, qy, qz = qx * scale, qy * scale, qz * scale
        sx, sy, sz = sx * scale, sy * scale, sz * scale
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                x, y = ray_x[r, c], ray_y[r, c]
                p = px * x + py * y + pz
                q = qx * x + qy * y + qz
                s = sx * x + sy * y + sz
                if p >= 0.0 and q >= 0.0 and s >= 0.0:
                    inverse = p + q + s
                    if inverse > inverse_depth[r, c]:
                        inverse_depth[r, c] = inverse
                        triangle[r, c] = i


@njit(nogil=True, cache=True)
def _texel(texels, base, width, height, u, v, linear, out, weight):
    """Add the bilinear sample at (u, v), repeats allowed, times `weight`."""
    x, y = (u - np.floor(u)) * width - 0.5, (v - np.floor(v)) * height - 0.5
    i, j = int(np.floor(x)), int(np.floor(y))
    f, g = x - i, y - j
    i0, j0 = i % width, j % height
    i1, j1 = (i0 + 1) % width, (j0 + 1) % height
    a, b = base + 3 * (j0 * width + i0), base + 3 * (j0 * width + i1)
    c, d = base + 3 * (j1 * width + i0), base + 3 * (j1 * width + i1)
    wa, wb, wc, wd = (1 - f) * (1 - g) * weight, f * (1 - g) * weight, (1 - f) * g * weight, f * g * weight
    for k in range(3):
        out[k] += (
            wa * linear[texels[a + k]] + wb * linear[texels[b + k]]
            + wc * linear[texels[c + k]] + wd * linear[texels[d + k]]
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _reflection(point, view, normal, windows, roughness):
    """How much of the windows' light a varnished point mirrors towards the eye (without occlusion: it's faint)."""
    dot = view[0] * normal[0] + view[1] * normal[1] + view[2] * normal[2]
    total = 0.0
    if dot >= 0.0:
        return total
    fresnel = 0.04 + 0.96 * (1.0 + dot) ** 5
    rx, ry, rz = view[0] - 2 * dot * normal[0], view[1] - 2 * dot * normal[1], view[2] - 2 * dot * normal[2]
    for w in range(windows.shape[0]):
        # A window: centre, half side along x or z, half height, then its inward normal.
        nx, nz = windows[w, 5], windows[w, 6]
        toward = rx * nx + rz * nz
        if toward > -0.02:
            continue
        t = ((windows[w, 0] - point[0]) * nx + (windows[w, 2] - point[2]) * nz) / toward
        if t <= 0.0:
            continue
        hx, hy, hz = (
            point[0] + t * rx - windows[w, 0],
            point[1] + t * ry - windows[w, 1],
            point[2] + t * rz - windows[w, 2],
        )
        along = abs(hx * nz - hz * nx)
        soft = max(roughness * t, 0.01)
        cover_s = min(1.0, max(0.0, (windows[w, 3] - along) / soft * 0.5 + 0.5))
        cover_t = min(1.0, max(0.0, (windows[w, 4] - abs(hy)) / soft * 0.5 + 0.5))
        total += cover_s * cover_t
    return fresnel * total


@njit(nogil=True, cache=True)
def shade(
    cam,
    inverse_depth,
    triangle,
    ray_x,
    ray_y,
    pixel,
    attributes,
    normals,
    surface,
    materials,
    levels,
    texels,
    linear,
    lightmap,
    rotation,
    eye,
    windows,
    sky,
    out,
):
    """Add the linear colour of every pixel to `out` (h, w, 3).

    Args:
        pixel: width of a pixel at z = 1, for choosing the texture's resolution.
        attributes: (T, 3, 4) texture u, v and lightmap x, y of each corner.
        surface: (T,) row of `materials`.
        materials: (M, 8) texture number, tint r g b, gloss, roughness, emission, 0.
        levels: (textures, levels, 3) start in `texels`, width, height.
        lightmap: (H, W, 3) light a white surface sends back.
        windows: (n, 7), see `_reflection`; sky: their colour.
    """
    height, width = triangle.shape
    sample = np.zeros(3)
    view, point, normal = np.zeros(3), np.zeros(3), np.zeros(3)
    for r in range(height):
        for c in range(width):
            i = triangle[r, c]
            if i < 0:
                continue
            x, y = ray_x[r, c], ray_y[r, c]
            ax, ay, az = cam[i, 0, 0], cam[i, 0, 1], cam[i, 0, 2]
            bx, by, bz = cam[i, 1, 0], cam[i, 1, 1], cam[i, 1, 2]
            dx, dy, dz = cam[i, 2, 0], cam[i, 2, 1], cam[i, 2, 2]
            px, py, pz = by * dz - bz * dy, bz * dx - bx * dz, bx * dy - by * dx
            qx, qy, qz = dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax
            sx, sy, sz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            p, q, s = px * x + py * y + pz, qx * x + qy * y + qz, sx * x + sy * y + sz
            n = 1.0 / (p + q + s)
            p, q, s = p * n, q * n, s * n
            u = p * attributes[i, 0, 0] + q * attributes[i, 1, 0] + s * attributes[i, 2, 0]
            v = p * attributes[i, 0, 1] + q * attributes[i, 1, 1] + s * attributes[i, 2, 1]
            # Slopes of u and v over one pixel, by the quotient rule on the plane equations.
            m = materials[surface[i]]
            texture = int(m[0])
            nx, ny = px + qx + sx, py + qy + sy
            w0, h0 = levels[texture, 0, 1], levels[texture, 0, 2]
            ux = (
                (px * attributes[i, 0, 0] + qx * attributes[i, 1, 0] + sx * attributes[i, 2, 0] - u * nx)
                * n
                * pixel
                * w0
            )
            uy = (
                (py * attributes[i, 0, 0] + qy * attributes[i, 1, 0] + sy * attributes[i, 2, 0] - u * ny)
                * n
                * pixel
                * w0
            )
            vx = (
                (px * attributes[i, 0, 1] + qx * attributes[i, 1, 1] + sx * attributes[i, 2, 1] - v * nx)
                * n
                * pixel
                * h0
            )
            vy = (
                (py * attributes[i, 0, 1] + qy * attributes[i, 1, 1] + sy * attributes[i, 2, 1] - v * ny)
                * n
                * pixel
                * h0
            )
            major, minor = ux * ux + vx * vx, uy * uy + vy * vy
            if major < minor:
                major, minor = minor, major
            # Several samples a pixel already average; a quarter of the longer side keeps grazing floors sharp.
            level = 0.5 * np.log2(max(minor, major / 12.0, 1e-12)) - 0.35
            last = levels.shape[1] - 1
            level = min(max(level, 0.0), last - 0.001)
            lower = int(level)
            sample[:] = 0.0
            _texel(
                texels,
                levels[texture, lower, 0],
                levels[texture, lower, 1],
                levels[texture, lower, 2],
                u,
                v,
                linear,
                sample,
                1.0 - (level - lower),
            )
            if level > lower:
                _texel(
                    texels,
                    levels[texture, lower + 1, 0],
                    levels[texture, lower + 1, 1],
                    levels[texture, lower + 1, 2],
                    u,
                    v,
                    linear,
                    sample,
                    level - lower,
                )
            if m[6] > 0.0:
                for k in range(3):
                    out[r, c, k] += sample[k] * m[1 + k] * m[6]
                continue
            lx = p * attributes[i, 0, 2] + q * attributes[i, 1, 2] + s * attributes[i, 2, 2]
            ly = p * attributes[i, 0, 3] + q * attributes[i, 1, 3] + s * attributes[i, 2, 3]
            x0, y0 = int(lx), int(ly)
            f, g = lx - x0, ly - y0
            gleam = 0.0
            if m[4] > 0.0:
                z = 1.0 / inverse_depth[r, c]
                length = np.sqrt(x * x + y * y + 1.0)
                for k in range(3):
                    view[k] = (rotation[0, k] * x + rotation[1, k] * y + rotation[2, k]) / length
                    point[k] = eye[k] + view[k] * z * length
                    normal[k] = p * normals[i, 0, k] + q * normals[i, 1, k] + s * normals[i, 2, k]
                gleam = m[4] * _reflection(point, view, normal, windows, m[5])
            for k in range(3):
                light = (
                    (1 - f) * (1 - g) * lightmap[y0, x0, k] + f * (1 - g) * lightmap[y0, x0 + 1, k]
                    + (1 - f) * g * lightmap[y0 + 1, x0, k] + f * g * lightmap[y0 + 1, x0 + 1, k]
                )  # fmt: skip
                out[r, c, k] += light * sample[k] * m[1 + k] + gleam * sky[k] * min(1.0, 1.5 * light)
