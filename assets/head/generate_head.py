#!/usr/bin/env python3
"""Stylised head generator: neutral mesh + 52 ARKit-named blendshapes, all made in code.

Own work of this project (no scanned or third-party geometry); free to be ported into the product.

    python3 assets/head/generate_head.py --out assets/head [--preview PNG_DIR]

needs numpy, scipy, numba, safetensors (and pillow for --preview). Under one minute on an idle core for the data,
two more for all previews. Deterministic (fixed seed).

Stages
  1 implicit sculpt   smooth unions of ellipsoids/capsules (cm, +Y up, +Z nose, +X subject's left)
  2 topology          edge-loop rings round eyes, mouth, neck and hairline; blue-noise fill elsewhere;
                      spherical Delaunay (convex hull of the directions from a centre) joins them;
                      the left half is mirrored, so skin, lids, lips, brows and ears are exactly symmetric
  3 parts             lid rims, lashes, eyeballs, mouth bag, teeth, tongue, brows, ears, hair, garment
  4 shapes            analytic muscle fields: eyelids and eyeballs rotate about the eye centre, the jaw about
                      the TMJ axis, brows/cheeks/corners slide over the skull (re-projected to their own
                      depth) and bulge along the normal; lids are kept outside the eyeball. Weight 1 is as strong as in
                      Apple's pictures of the shape: each must be told from the others where a face is 160 pixels wide
  5 bake              vertex AO (interior of the mouth baked with the mouth open), chart UV, region weights
"""
import argparse, json, os
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import ConvexHull, cKDTree
import numba as nb
njit = nb.njit(fastmath=True)

# ------------------------------------------------------------------ 1 implicit sculpt
C0 = np.array([0.0, -1.6, 0.4])            # ray origin
EYE_C = np.array([3.15, 0.0, 6.55]); EYE_R = 1.52

def smin(a, b, k):
    h = np.clip(0.5+0.5*(b-a)/k, 0, 1); return b*(1-h)+a*h-k*h*(1-h)
def smax(a, b, k): return -smin(-a, -b, k)
def ell(p, c, r):
    q = (p-np.asarray(c))/np.asarray(r); k0 = np.linalg.norm(q, axis=-1); k1 = np.linalg.norm(q/np.asarray(r), axis=-1)
    return k0*(k0-1)/(k1+1e-9)
def sph(p, c, r): return np.linalg.norm(p-np.asarray(c), axis=-1)-r
def cap(p, a, b, r0, r1=None):
    r1 = r0 if r1 is None else r1
    a = np.asarray(a, float); b = np.asarray(b, float); ba = b-a
    t = np.clip(((p-a)@ba)/(ba@ba), 0, 1)
    return np.linalg.norm(p-a-t[..., None]*ba, axis=-1)-(r0+(r1-r0)*t)
def poly(p, pts, rs):
    d = cap(p, pts[0], pts[1], rs[0], rs[1])
    for i in range(1, len(pts)-1): d = np.minimum(d, cap(p, pts[i], pts[i+1], rs[i], rs[i+1]))
    return d
MOUTH_Y, MOUTH_W = -6.35, 2.35
def mouth_line(x):
    """y,z of lip seam for |x|."""
    t = np.clip(np.abs(x)/MOUTH_W, 0, 1.2)
    y = MOUTH_Y-0.10*np.exp(-(t/0.22)**2)+0.05*np.exp(-((t-0.38)/0.25)**2)+0.07*t**3
    z = 9.72-0.95*t**2-0.25*t**4
    return y, z
def base(p):
    """Head without lips (skin over skull); used for sliding."""
    q = p.copy(); q[..., 0] = np.abs(q[..., 0])
    d = ell(q, (0, 3.2, -1.3), (7.45, 8.7, 9.1))                       # cranium
    d = smin(d, ell(q, (0, 4.4, 2.2), (6.2, 5.6, 6.35)), 1.5)           # forehead
    d = smin(d, ell(q, (0, -3.2, 2.6), (6.0, 7.0, 6.35)), 2.0)          # mid face
    d = smin(d, ell(q, (0, -6.9, 3.1), (4.75, 3.5, 5.3)), 2.0)          # jaw mass
    d = smin(d, cap(q, (4.85, -4.9, 0.4), (1.6, -9.3, 6.6), 0.80, 1.05), 2.4)  # mandible edge
    d = smin(d, ell(q, (0, -9.35, 6.9), (1.65, 1.25, 1.6)), 1.5)        # chin
    d = smin(d, sph(q, (4.35, -2.05, 5.15), 1.75), 1.9)                 # cheekbone
    d = smin(d, ell(q, (2.9, -4.3, 6.3), (1.7, 1.8, 1.5)), 1.8)         # cheek pad
    d = smin(d, poly(q, [(0, 1.75, 7.55), (2.3, 2.15, 7.25), (4.6, 1.5, 5.5)], [0.95, 1.0, 0.75]), 1.3)  # brow ridge
    d = smax(d, -ell(q, (3.2, 0.0, 9.35), (2.1, 1.35, 1.9)), 1.3)       # eye socket
    d = smin(d, ell(q, (0, -6.3, 6.9), (2.75, 2.15, 2.55)), 1.4)        # muzzle
    # nose
    n = cap(q, (0, 0.9, 7.75), (0, -3.0, 10.15), 0.62, 0.78)
    n = smin(n, sph(q, (0, -3.35, 10.3), 0.92), 0.6)
    n = smin(n, ell(q, (0.95, -3.72, 9.35), (0.62, 0.55, 0.85)), 0.42)
    n = smax(n, -ell(q, (0.50, -4.28, 9.75), (0.27, 0.34, 0.46)), 0.22)
    d = smin(d, n, 0.85)
    d = smin(d, cap(q, (0, -6.0, -1.4), (0, -19, -2.4), 4.25, 4.6), 1.8)  # neck
    return d
def sdf(p):
    q = p.copy(); q[..., 0] = np.abs(q[..., 0])
    d = base(p)
    d = smin(d, sph(q, EYE_C, EYE_R+0.14), 0.45)                         # lids over the eyeball
    d = smax(d, -cap(q, (0, -4.75, 10.35), (0, -5.4, 10.45), 0.22, 0.30), 0.5)    # philtrum
    d = smax(d, -cap(q, (-1.3, -7.75, 10.55), (1.3, -7.75, 10.55), 0.55), 0.8)    # under-lip dip
    d = smax(d, -cap(q, (2.75, -6.35, 9.9), (2.95, -6.5, 9.6), 0.40), 0.5)       # corner dimple
    up = poly(q, [(0, -6.02, 9.48), (0.55, -5.88, 9.45), (1.5, -6.15, 8.92), (2.3, -6.36, 8.2)], [0.40, 0.42, 0.30, 0.14])
    lo = poly(q, [(0, -6.95, 9.40), (0.8, -6.88, 9.28), (1.6, -6.62, 8.80), (2.3, -6.42, 8.18)], [0.50, 0.48, 0.32, 0.14])
    lip = smin(up, lo, 0.10)
    d = smin(d, lip, 0.32)
    return d
def grad(f, p, h=0.02):
    g = np.zeros_like(p)
    for k in range(3):
        e = np.zeros(3); e[k] = h
        g[..., k] = f(p+e)-f(p-e)
    return g/(np.linalg.norm(g, axis=-1, keepdims=True)+1e-12)
def cast(D, f=sdf, far=26.0, o=C0):
    """Outermost hit along o + r*D (coming from outside)."""
    r = np.full(len(D), far); done = np.zeros(len(D), bool); lo = np.zeros(len(D))
    for _ in range(90):
        d = f(o+r[:, None]*D)
        hit = d < 0.003; lo = np.where(hit & ~done, r, lo); done |= hit
        r = np.where(done, r, r-np.clip(d*0.6, 0.004, 2.0))
        r = np.maximum(r, 0.5)
    return r

# ------------------------------------------------------------------ 2+3 topology and parts
EC, ER = EYE_C, EYE_R
LIDR = ER+0.11
OPEN_W = 1.47

def unit(v): return v/(np.linalg.norm(v, axis=-1, keepdims=True)+1e-12)
def sstep(a, b, x):
    t = np.clip((x-a)/(b-a), 0, 1); return t*t*(3-2*t)

# ---------- eye opening (eye-local, +u = temporal side) ----------
def lid_upper(u):
    t = np.clip(u/OPEN_W, -1, 1); return 0.10*t+0.67*np.clip(1-np.abs(t+0.06*(1-t*t))**2.3, 0, None)**0.85
def lid_lower(u):
    t = np.clip(u/OPEN_W, -1, 1); return 0.10*t-0.53*np.clip(1-np.abs(t-0.05*(1-t*t))**2.2, 0, None)**0.95
def lid_close(u): return lid_lower(u)+0.16*(lid_upper(u)-lid_lower(u))

def onsurf(xy, it=5):
    z = np.full(len(xy), 8.5)
    tgt = np.asarray(xy, float); cur = tgt.copy()
    for _ in range(it):
        D = unit(np.column_stack([cur, z])-C0); P = C0+cast(D)[:, None]*D
        cur = cur+(tgt-P[:, :2])*0.9; z = P[:, 2]
    return P

def eye_rings():
    n = 26
    a = np.linspace(0, np.pi, n+1)
    u = -OPEN_W*np.cos(a)                     # inner -> outer
    up = np.column_stack([u, lid_upper(u)]); lo = np.column_stack([u[1:-1], lid_lower(u[1:-1])])[::-1]
    ring = np.vstack([up, lo]); up_tag = np.r_[np.ones(n+1), -np.ones(n-1)]
    tan = np.roll(ring, -1, 0)-np.roll(ring, 1, 0); nrm = unit(np.column_stack([-tan[:, 1], tan[:, 0]]))
    c = ring.mean(0); nrm = np.where(((ring-c)*nrm).sum(1)[:, None] < 0, -nrm, nrm)
    side = 1-0.34*np.clip(-nrm[:, :1], 0, 1)-0.55*np.clip(nrm[:, :1], 0, 1)   # tighter at nose and temple
    rings = [ring+nrm*s*(1-(1-side)*min(s/0.6, 1)) for s in (0, 0.09, 0.20, 0.32, 0.43, 0.55, 0.72, 0.95, 1.25)]
    out = []
    for k, r in enumerate(rings):
        xy = r+EC[:2]
        if k == 0:
            d2 = (r**2).sum(1); z = EC[2]+np.sqrt(np.clip(LIDR**2-d2, 0.01, None))
            P = np.column_stack([xy, z])
        else:
            P = onsurf(xy)
            # keep lid skin on the lid sphere close to the margin
            if k <= 5:
                d2 = (r**2).sum(1); zs = EC[2]+np.sqrt(np.clip((LIDR+0.035*k)**2-d2, 0.01, None))
                w = (1-k/6.5); P[:, 2] = np.where(zs > P[:, 2]-0.4, P[:, 2]*(1-w)+np.maximum(zs, P[:, 2]-0.25)*w, P[:, 2])
        out.append(P)
    return out, up_tag

def mouth_rings():
    n = 34; m = 5
    x = MOUTH_W*np.sin(np.linspace(-np.pi/2, np.pi/2, n+1)); y, _ = mouth_line(x); inner = x[1:-1]
    rings = []; tags = []
    for k, s in enumerate((0.012, 0.08, 0.18, 0.30, 0.43, 0.58, 0.80, 1.10, 1.45)):
        env = np.clip((1-(np.abs(inner)/MOUTH_W)**2.6), 0.05, 1)**0.5*0.85+0.15
        e2 = np.ones_like(inner) if k == 0 else np.clip(env+0.35*sstep(0.3, 1.2, s), 0, 1.05)
        up = np.column_stack([inner, y[1:-1]+s*e2]); lo = np.column_stack([inner, y[1:-1]-s*1.12*e2])[::-1]
        an = np.linspace(np.pi/2, -np.pi/2, m+2)[1:-1]; r = 0.0 if k == 0 else s
        R_ = np.column_stack([x[-1]+r*0.95*np.cos(an), y[-1]+r*np.sin(an)*0.8]); L_ = (R_*[-1, 1])[::-1]
        rings.append(np.vstack([L_, up, R_, lo])); t = np.sign(np.round(np.sin(an), 3))
        tags.append(np.r_[0*t, np.ones(len(up)), 0*t, -np.ones(len(lo))] if k == 0 else np.zeros(2*m+2*len(up)))
    return [onsurf(r) for r in rings], tags

def spacing(p):
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    h = np.full(len(p), 0.62)
    h = np.where(z < 3.5, 0.56+0.085*(3.5-z), h); h = np.minimum(h, np.where(y > 3, 1.5, 1.2))
    def near(c, r, v):
        nonlocal h
        d = np.linalg.norm((np.column_stack([x, y, z])-c)/r, axis=1); w = 1-sstep(0.5, 1.3, d); h = h*(1-w)+np.minimum(h, v)*w
    near(np.array([0.4, -3.4, 9.8]), np.array([2.1, 2.3, 2.2]), 0.225)
    near(np.array([0.3, -0.8, 8.8]), np.array([1.3, 2.4, 1.6]), 0.33)
    near(np.array([0, -6.4, 9.0]), np.array([4.0, 2.8, 3.0]), 0.40)
    near(np.array([3.1, 0.4, 7.5]), np.array([3.2, 2.9, 3.0]), 0.38)
    near(np.array([0, 4.2, 8.3]), np.array([5.0, 2.6, 3.0]), 0.32)
    return h

def build_skin(seed=3):
    rng = np.random.default_rng(seed)
    er, etag = eye_rings(); mr, mtag = mouth_rings()
    P = []; ul = []; ring_id = []
    mir = np.array([-1, 1, 1])
    eye_idx = {}
    n0 = 0
    for side in (1, -1):
        for k, r in enumerate(er):
            q = r if side == 1 else r*mir
            P.append(q); ul.append(np.zeros(len(q))); ring_id.append(np.full(len(q), 100*(1 if side == 1 else 2)+k))
            eye_idx[side, k] = np.arange(n0, n0+len(q)); n0 += len(q)
    m_idx = {}
    for k, r in enumerate(mr):
        P.append(r); ul.append(mtag[k]); ring_id.append(np.full(len(r), 300+k)); m_idx[k] = np.arange(n0, n0+len(r)); n0 += len(r)
    # neck ring
    a = np.linspace(0, 2*np.pi, 49)[:-1]
    for j, yy in enumerate((-15.2, -14.3, -13.3)):
        D = unit(np.column_stack([5.2*np.sin(a), np.full(48, yy), -2.2+5.2*np.cos(a)])-C0)
        # intersect with the surface at that height: iterate radius
        rad = np.full(48, 5.0)
        for _ in range(12):
            q = np.column_stack([rad*np.sin(a), np.full(48, yy), -2.2+rad*np.cos(a)]); rad = rad-sdf(q)
        q = np.column_stack([rad*np.sin(a), np.full(48, yy), -2.2+rad*np.cos(a)])
        P.append(q); ul.append(np.zeros(48)); ring_id.append(np.full(48, 400+j)); n0 += 48
    R = np.vstack(P)
    # midline
    mid = []
    th = np.linspace(-2.45, np.pi*0.999, 2600)      # angle from forward, up positive
    D = np.column_stack([np.zeros_like(th), np.sin(th), np.cos(th)]); q = C0+cast(D)[:, None]*D
    q = q[q[:, 1] > -13.0]
    hh = spacing(q); keep = [0]; tree = cKDTree(R)
    dR, _ = tree.query(q)
    keep = []
    last = None
    for i in range(len(q)):
        if dR[i] < 0.55*hh[i] or (abs(q[i, 1]-MOUTH_Y) < 1.75 and q[i, 2] > 5): continue
        if last is None or np.linalg.norm(q[i]-q[last]) > hh[i]: keep.append(i); last = i
    mid = q[keep]
    # back-of-neck midline (other direction)
    N = 70000; i = np.arange(N)+.5; ph = np.arccos(1-2*i/N); t2 = np.pi*(1+5**.5)*i
    D = np.column_stack([np.cos(t2)*np.sin(ph), np.sin(t2)*np.sin(ph), np.cos(ph)])
    z = D[:, 2]; D[:, 2] = z+0.5*(1-z*z); D = unit(D); D = D[D[:, 0] > 0]
    q = C0+cast(D)[:, None]*D; q = q[q[:, 1] > -12.9]
    hh = spacing(q); fixed = np.vstack([R, mid]); dR, _ = cKDTree(fixed).query(q)
    ok = (dR > 0.72*hh) & (q[:, 0] > 0.45*hh)
    # nothing inside the outermost eye / mouth ring (the strips cover it)
    ok &= ~((inpoly(q[:, :2], er[-1][:, :2]) | inpoly(q[:, :2], mr[-1][:, :2])) & (q[:, 2] > 3.0))
    q = q[ok]; hh = hh[ok]
    order = rng.permutation(len(q)); tree = cKDTree(q); dead = np.zeros(len(q), bool); pick = []
    for j in order:
        if dead[j]: continue
        pick.append(j); dead[tree.query_ball_point(q[j], hh[j])] = True
    fill = q[np.array(pick)]
    P = np.vstack([R, mid, fill, fill*mir]); nR, nM, nF = len(R), len(mid), len(fill)
    ulv = np.concatenate(ul+[np.zeros(nM+2*nF)]); rid = np.concatenate(ring_id+[np.zeros(nM+2*nF, int)])
    lastE, lastM = len(er)-1, len(mr)-1
    hullmask = ~(((rid >= 100) & (rid < 100+lastE)) | ((rid >= 200) & (rid < 200+lastE)) | ((rid >= 300) & (rid < 300+lastM)) | (rid == 400) & False)
    hidx = np.where(hullmask)[0]; outer = (100+lastE, 200+lastE, 300+lastM, 400)
    ST = []
    for sd in (1, -1):
        for k in range(lastE): ST += strip(eye_idx[sd, k], eye_idx[sd, k+1])
    for k in range(lastM): ST += strip(m_idx[k], m_idx[k+1])
    ST = np.array(ST)
    def triangulate(P):
        D = unit(P[hidx]-C0); T = hidx[ConvexHull(D).simplices]
        r = rid[T]; same = (r[:, 0] == r[:, 1]) & (r[:, 1] == r[:, 2]) & np.isin(r[:, 0], outer)
        cen = P[T].mean(1)
        for o in outer[:3]:
            ring = P[{100+lastE: eye_idx[1, lastE], 200+lastE: eye_idx[-1, lastE], 300+lastM: m_idx[lastM]}[o]]
            mine = same & (r[:, 0] == o); same[mine] = inpoly(cen[mine][:, :2], ring[:, :2])
        T = np.vstack([T[~same], ST])
        e = P[T]; a = np.linalg.norm(np.cross(e[:, 1]-e[:, 0], e[:, 2]-e[:, 0]), axis=1); T = T[a > 1e-7]
        c = np.cross(P[T[:, 1]]-P[T[:, 0]], P[T[:, 2]]-P[T[:, 0]]); f = (c*(P[T].mean(1)-C0)).sum(1) < 0
        T[f] = T[f][:, [0, 2, 1]]
        return T.astype(np.int32)
    free = np.arange(nR+nM, nR+nM+nF)
    for _ in range(6):
        T = triangulate(P)
        A = np.zeros_like(P); c = np.zeros(len(P))
        for k in range(3):
            for m in (1, 2): np.add.at(A, T[:, k], P[T[:, (k+m) % 3]]); np.add.at(c, T[:, k], 1)
        new = A/c[:, None]; q = P.copy(); q[free] = 0.4*P[free]+0.6*new[free]
        D = unit(q[free]-C0); q[free] = C0+cast(D)[:, None]*D
        bad = (inpoly(q[free][:, :2], er[-1][:, :2]) | inpoly(q[free][:, :2], mr[-1][:, :2])) & (q[free][:, 2] > 3.0); q[free[bad]] = P[free[bad]]
        q[free+nF] = q[free]*mir; P = q
    T = triangulate(P)
    return P, T, ulv, rid, eye_idx, m_idx, len(etag), etag

def inpoly(p, poly):
    x, y = p[:, 0:1], p[:, 1:2]; x0, y0 = poly.T; x1, y1 = np.roll(poly, -1, 0).T
    c = ((y0 > y) != (y1 > y)) & (x < (x1-x0)*(y-y0)/(y1-y0+1e-12)+x0)
    return c.sum(1) % 2 == 1

def strip(a, b, closed=True):
    n = len(a); out = []
    for i in range(n if closed else n-1):
        j = (i+1) % n; out += [(a[i], a[j], b[j]), (a[i], b[j], b[i])]
    return out

class Mesh:
    def __init__(s): s.V = []; s.T = []; s.A = []; s.tag = []; s.ul = []; s.col = []; s.rough = []; s.spec = []; s.sss = []; s.n = 0
    def add(s, V, T, tag, col, rough, spec, sss, anchor=None, ul=None):
        V = np.asarray(V, float); n = len(V); o = s.n
        s.V.append(V); s.T.append(np.asarray(T, int).reshape(-1, 3)+o); s.A.append(V if anchor is None else anchor)
        s.tag.append(np.full(n, tag) if np.isscalar(tag) else tag); s.ul.append(np.zeros(n) if ul is None else ul)
        s.col.append(np.tile(col, (n, 1)) if np.ndim(col) == 1 else col)
        for l, v in ((s.rough, rough), (s.spec, spec), (s.sss, sss)): l.append(np.full(n, float(v)) if np.isscalar(v) else v)
        s.n += n; return o
    def done(s):
        for k in ('V', 'T', 'A', 'tag', 'ul', 'col', 'rough', 'spec', 'sss'): setattr(s, k, np.concatenate(getattr(s, k)))
        s.T = s.T.astype(np.int32); return s

SKIN, INNER, EYEL, EYER, TEETHU, TEETHL, TONGUE, BROW, LASH, HAIR, EAR, CLOTH, CAVITY = range(13)
lin = lambda r, g, b: np.array([(c/255)**2.2 for c in (r, g, b)])
PAL = dict(skin=lin(226, 172, 144), lip=lin(196, 104, 98), blush=lin(222, 132, 112), lid=lin(206, 146, 122), brow=lin(58, 40, 32), hair=lin(50, 38, 33),
           cloth=lin(44, 56, 74), sclera=lin(238, 234, 230), iris=lin(86, 118, 120), teeth=lin(240, 234, 224), gum=lin(176, 84, 84), tongue=lin(190, 92, 92), cav=lin(70, 22, 24))

def skin_color(P, ul, rid):
    x, y, z = np.abs(P[:, 0]), P[:, 1], P[:, 2]; c = np.tile(PAL['skin'], (len(P), 1))
    def mix(w, k):
        nonlocal c
        w = np.clip(w, 0, 1)[:, None]; c = c*(1-w)+PAL[k]*w
    G = lambda cx, cy, rx, ry: np.exp(-((x-cx)/rx)**2-((y-cy)/ry)**2)*(z > 2)
    mix(0.55*G(4.0, -3.2, 1.7, 1.4), 'blush'); mix(0.35*G(0.3, -3.5, 0.9, 0.7)*(z > 9), 'blush')
    u, v = x-EC[0], y-EC[1]
    lidw = np.clip(1-np.hypot(u/2.1, (v-0.35)/1.25), 0, 1)*(z > 5); mix(0.55*lidw**0.7, 'lid')
    lipw = np.zeros(len(P))
    ym, _ = mouth_line(x); s = y-ym; t = np.clip(x/MOUTH_W, 0, 1.4)
    upH = 0.60*np.clip(1-t**2.2, 0, 1)**0.75+0.10*np.exp(-((t-0.24)/0.14)**2)-0.07*np.exp(-(t/0.12)**2)+0.03
    loH = 0.80*np.clip(1-t**2.4, 0, 1)**0.7+0.03
    lipw = np.where(s >= 0, 1-sstep(0.80, 1.12, s/upH), 1-sstep(0.82, 1.10, -s/loH))*(t < 1.02)*(z > 6)
    mix(0.88*lipw, 'lip')
    return c, lipw

PARTS = ['skin', 'unused', 'eye_left', 'eye_right', 'teeth_upper', 'teeth_lower', 'tongue', 'brow', 'lash', 'hair', 'ear', 'garment', 'mouth_bag']

def build():
    P, T, ulv, rid, ei, mi, ne, etag = build_skin()
    M = Mesh()
    c, lipw = skin_color(P, ulv, rid)
    # upper lid crease
    for sd in (1, -1):
        u = P[:, 0]*sd-EC[0]; v = P[:, 1]-EC[1]; t = v-lid_upper(u)
        w = np.exp(-((t-0.43)/0.085)**2)*(np.abs(u) < OPEN_W*1.05)*np.clip(1.15-(u/OPEN_W/1.05)**2, 0, 1)*(P[:, 2] > 5)*(P[:, 0]*sd > 0)
        N = unit(P-(EC*[sd, 1, 1])); P = P-N*(0.10*w)[:, None]
        c = c*(1-0.35*w[:, None])
    M.add(P, T, SKIN, c, 0.50-0.16*lipw, 0.03+0.012*lipw, 1.0, ul=ulv)
    # lid rims (inner)
    for sd in (1, -1):
        i0 = ei[sd, 0]; cen = EC*[sd, 1, 1]; q0 = P[i0]
        q1 = cen+unit(q0-cen)*(ER-0.02); q2 = cen+unit(q0-cen+np.array([0, 0, -0.9]))*(ER-0.06)
        V = np.vstack([q0, q1, q2]); n = len(i0); a = np.arange(n)
        tt = np.array(strip(a, a+n)+strip(a+n, a+2*n)); 
        if sd == 1: tt = tt[:, [0, 2, 1]]
        M.add(V, tt, SKIN, np.tile(lin(208, 132, 118), (3*n, 1)), 0.3, 0.04, 0.8, anchor=np.vstack([q0, q0, q0]))
        # lashes: upper strip
        k = np.where(etag > 0)[0]; q = q0[k]; u = (q[:, 0]*sd-EC[0])/OPEN_W
        prof = np.clip(1-np.abs(u*0.92-0.02)**4, 0.12, 1)*(0.62+0.38*u)
        r0 = cen+unit(q-cen)*(LIDR+0.015); dirn = unit(unit(q-cen)*np.array([1, .5, 1])+np.array([0.35*sd, 0.25, 0.25]))
        r1 = r0+dirn*(0.30*prof)[:, None]+np.array([0, .02, 0]); r2 = r0-np.array([0, 0.0, 0.0])+unit(q-cen)*0.02+np.array([0, 0.10, 0])*prof[:, None]
        m = len(q); a = np.arange(m); tt = strip(a, a+m, False)+strip(a+m, a+2*m, False)
        M.add(np.vstack([r0, r1, r2]), tt, LASH, lin(30, 22, 20), 0.6, 0.02, 0.0, anchor=np.vstack([q, q, q]))
        k = np.where(etag < 0)[0]; q = q0[k]; r0 = cen+unit(q-cen)*(LIDR+0.012); r1 = r0+np.array([0, -0.045, 0])
        a = np.arange(len(q)); M.add(np.vstack([r0, r1]), strip(a, a+len(q), False), LASH, lin(120, 74, 62), 0.6, 0.02, 0.3, anchor=np.vstack([q, q]))
        # eyeball: pole towards +z; dense around the iris
        ang = np.r_[0, np.linspace(0.06, 0.235, 5), 0.245, np.linspace(0.28, 0.52, 8), 0.535, 0.56, np.linspace(0.64, 1.9, 12)]
        ns = 32; az = np.linspace(0, 2*np.pi, ns+1)[:-1]
        V = [cen+[0, 0, ER]]; col = [np.array([.004, .004, .005])]
        for j, g in enumerate(ang[1:]):
            rr = ER*(1+0.035*np.exp(-(g/0.33)**2))*1.0
            V += [cen+rr*np.array([np.sin(g)*np.cos(b), np.sin(g)*np.sin(b), np.cos(g)]) for b in az]
            for b in az:
                if g < 0.24: cc = np.array([.004, .004, .005])
                elif g < 0.53:
                    f = (g-0.245)/(0.52-0.245); str_ = 0.8+0.2*np.sin(b*17+3*np.sin(b*5))
                    cc = PAL['iris']*(0.55+0.75*f*(1-0.55*f))*str_*(1.35 if np.sin(b) < 0 else 0.75)
                    if f > 0.86: cc = cc*0.30
                elif g < 0.545: cc = PAL['sclera']*0.45
                else: cc = PAL['sclera']*np.array([1, 1-0.10*sstep(0.9, 1.5, g), 1-0.14*sstep(0.9, 1.5, g)])
                col.append(cc)
        V = np.array(V); tt = [(0, 1+i, 1+(i+1) % ns) for i in range(ns)]
        for j in range(len(ang)-2):
            a = 1+j*ns+np.arange(ns); tt += strip(a, a+ns)
        tt = np.array(tt)
        nn = np.cross(V[tt[:, 1]]-V[tt[:, 0]], V[tt[:, 2]]-V[tt[:, 0]]); f = (nn*(V[tt].mean(1)-cen)).sum(1) < 0; tt[f] = tt[f][:, [0, 2, 1]]
        M.add(V, tt, EYEL if sd == 1 else EYER, np.array(col), 0.09, 0.045, 0.15)
    # mouth cavity: rings inward from the lip seam
    i0 = mi[0]; q0 = P[i0]; u0 = ulv[i0]; n = len(i0); x = q0[:, 0]
    uu = np.where(u0 == 0, 0, u0); env = np.clip(1-(np.abs(x)/MOUTH_W)**3, 0, 1)
    rows = [q0]
    for dy, dz, sx in ((0.05, -0.10, 1.0), (0.20, -0.30, .99), (0.45, -0.75, .97), (0.9, -1.4, .95), (1.3, -2.6, .93), (1.2, -4.4, .8)):
        rows.append(np.column_stack([x*sx, q0[:, 1]+uu*dy*env, q0[:, 2]+dz]))
    V = np.vstack(rows+[np.array([[0, MOUTH_Y, 4.2]])]); a = np.arange(n); tt = []
    for k in range(len(rows)-1): tt += strip(a+k*n, a+(k+1)*n)
    k = (len(rows)-1)*n; tt += [(k+i, k+(i+1) % n, len(V)-1) for i in range(n)]
    tt = np.array(tt)
    fn = np.cross(V[tt[:, 1]]-V[tt[:, 0]], V[tt[:, 2]]-V[tt[:, 0]]); cen = np.array([0, MOUTH_Y, 7.5]); f = (fn*(V[tt].mean(1)-cen)).sum(1) > 0; tt[f] = tt[f][:, [0, 2, 1]]
    cc = np.vstack([np.tile(PAL['lip']*0.9, (n, 1)), np.tile(PAL['lip']*0.8, (n, 1)), np.tile(PAL['lip']*0.55, (n, 1)), np.tile(PAL['cav'], (n*(len(rows)-3)+1, 1))])
    M.add(V, tt, CAVITY, cc, np.r_[np.full(2*n, .38), np.full(len(V)-2*n, .9)], np.r_[np.full(2*n, .035), np.full(len(V)-2*n, .004)], 0.5, ul=np.r_[np.tile(uu, len(rows)), 0], anchor=np.vstack([np.tile(q0, (len(rows), 1)), V[-1:]]))
    # teeth arcs
    for up in (1, -1):
        na = 57; th = np.linspace(-1.25, 1.25, na); rx, rz = 2.05, 2.6
        cx = rx*np.sin(th); cz = 6.35+rz*np.cos(th)*0.98-(0.12 if up < 0 else 0)
        ph = (th/2.5*12) % 1; sc = np.abs(np.sin(np.pi*ph))**0.35
        ytop = MOUTH_Y+(0.95 if up > 0 else -1.25); ybot = MOUTH_Y+(-0.02 if up > 0 else -0.42)
        L = abs(ytop-ybot)
        rows = []
        for f, bul in ((0.0, 0.0), (0.25, .05), (0.6, .09), (0.88, .05), (1.0, -.06), (1.0, -.28)):
            yy = ytop+(ybot-ytop)*f*(0.93+0.07*sc if f > .8 else 1); rows.append(np.column_stack([cx*(1+bul*.2), np.full(na, 1.0)*yy, cz+bul+0.05*(sc-1)]))
        V = np.vstack(rows); a = np.arange(na); tt = []
        for k in range(len(rows)-1): tt += strip(a+k*na, a+(k+1)*na, False)
        tt = np.array(tt); 
        if up > 0: tt = tt[:, [0, 2, 1]]
        cc = np.vstack([np.tile(PAL['gum'], (na, 1))]+[PAL['teeth']*(0.72+0.28*sc)[:, None] for _ in rows[1:]])
        M.add(V, tt, TEETHU if up > 0 else TEETHL, cc, 0.22, 0.05, 0.4)
    # tongue
    nu, nv = 18, 14; V = []
    for i in range(nu):
        s = i/(nu-1); zc = 5.2+3.0*s; w = 1.35*np.sqrt(np.clip(1-(max(s-.45, 0)/.56)**2, 0, 1)); h = 0.55*(1-0.3*s)*np.sqrt(np.clip(1-(max(s-.6, 0)/.41)**2, 0, 1))
        for j in range(nv):
            b = 2*np.pi*j/nv; V.append([w*np.cos(b), MOUTH_Y-1.0+h*np.sin(b)-0.10*np.exp(-(np.cos(b)/.3)**2)*(np.sin(b) > 0)-0.25*s*s, zc])
    a = np.arange(nv); tt = []
    for i in range(nu-1): tt += strip(i*nv+a, (i+1)*nv+a)
    M.add(np.array(V), tt, TONGUE, PAL['tongue'], 0.35, 0.04, 0.7)
    # brows
    for sd in (1, -1):
        t = np.linspace(0, 1, 30); bx = 1.05+4.1*t; by = 1.95+0.95*np.sin(np.pi*np.clip(t*0.72+0.06, 0, 1))-0.62*t**2.2
        hw = 0.40*np.clip(np.sin(np.pi*np.clip(0.05+0.95*t**0.62, 0, 1)), 0, 1)**0.7*(1-0.35*t)+0.02
        rows = []; anc = []
        for f, o in ((-1, -.02), (-.6, .11), (0, .17), (.6, .11), (1, -.02)):
            xy = np.column_stack([bx+0.05*f*hw, by+f*hw]); q = onsurf(xy); g = grad(sdf, q); rows.append(q+g*o); anc.append(q)
        V = np.vstack(rows)*[sd, 1, 1]; A = np.vstack(anc)*[sd, 1, 1]; a = np.arange(30); tt = []
        for k in range(4): tt += strip(a+k*30, a+(k+1)*30, False)
        tt = np.array(tt); tt = tt if sd == 1 else tt[:, [0, 2, 1]]
        M.add(V, tt, BROW, PAL['brow'], 0.62, 0.03, 0.15, anchor=A)
    ears(M); hair(M); cloth(M)
    M.done(); M.nskin = len(P)
    return M

def ears(M):
    for sd in (1, -1):
        nr, na = 13, 34; V = []
        for i in range(nr):
            rho = i/(nr-1)
            for j in range(na):
                b = 2*np.pi*j/na
                # outline: taller than wide, lobe narrower
                ox = 1.45*np.cos(b)*(1+0.14*np.sin(b)); oy = 2.45*np.sin(b)+0.15
                if np.sin(b) < 0: ox *= 1-0.30*np.sin(b)**2
                e = rho
                rim = 0.62*np.exp(-((e-0.90)/0.085)**2)*(0.35+0.65*sstep(-0.9, 0.1, np.sin(b)-0.5*np.cos(b)))
                anti = 0.42*np.exp(-((e-0.58)/0.12)**2)*sstep(-0.75, 0.0, -np.cos(b)+0.1)*(np.cos(b) < 0.6)
                concha = -0.75*np.exp(-(e/0.40)**2)
                tragus = 0.55*np.exp(-((e-0.62)/0.2)**2-((b-6.1 if b > 3 else b+0.18)/0.35)**2)
                hgt = 0.55+rim+anti+concha+tragus-0.5*sstep(0.93, 1.0, e)
                V.append([ox*e, oy*e-0.05, hgt])
        V = np.array(V)
        # local: x -> forward(+z), y up, z -> outward; ear rotated outward from the skull
        a = np.radians(27); X = V[:, 0]; H = V[:, 2]
        fwd = X*np.cos(a)-H*np.sin(a)*0.0; out = H+(-X+1.5)*np.sin(a)*0.95
        tilt = np.radians(-10); y = V[:, 1]*np.cos(tilt)+fwd*np.sin(tilt)*-1; f2 = fwd*np.cos(tilt)+V[:, 1]*np.sin(tilt)
        Pw = np.column_stack([sd*(6.12+out), -1.45+y, -0.55+f2])
        t = np.arange(na); tt = []
        for i in range(nr-1): tt += strip(i*na+t, (i+1)*na+t)
        tt = np.array(tt); tt = tt if sd == 1 else tt[:, [0, 2, 1]]
        w = np.clip((V[:, 2]-0.2)/1.0, 0, 1)[:, None]
        M.add(Pw, tt, EAR, PAL['skin']*(0.72+0.28*w)*np.array([1.0, 0.92, 0.9]), 0.5, 0.03, 1.0)

HL = np.array([[0, 7.15], [14, 7.0], [28, 6.6], [40, 5.5], [52, 4.4], [62, 1.4], [70, -0.6], [77, -1.2], [83, 1.6], [95, 2.3], [106, 0.8], [116, -3.2], [130, -5.6], [150, -6.6], [180, -6.9]])
def hair(M):
    def yline(az): return np.interp(az, HLS[:, 0], HLS[:, 1])
    a0 = np.linspace(0, 180, 721); raw = np.interp(a0, HL[:, 0], HL[:, 1]); k = np.exp(-np.linspace(-2, 2, 25)**2); k /= k.sum()
    pad = np.r_[raw[12:0:-1], raw, raw[-2:-14:-1]]; HLS = np.column_stack([a0, np.convolve(pad, k, 'valid')])
    def azi(P): return np.degrees(np.arctan2(np.abs(P[:, 0]), P[:, 2]+1.0))
    # rings following the hairline
    na = 150; b = np.linspace(-np.pi, np.pi, na+1)[:-1]; rings = []
    for dm in (0.0, 0.16, 0.40, 0.75):
        P = np.column_stack([8*np.sin(b), yline(np.degrees(np.abs(b)))+dm, -1+8*np.cos(b)])
        for _ in range(14):
            D = unit(P-C0); Q = C0+cast(D, f=base)[:, None]*D; P = P+0.7*(np.column_stack([Q[:, 0], yline(azi(Q))+dm, Q[:, 2]])-P)
        rings.append(Q)
    n = 2600; i = np.arange(n)+.5; ph = np.arccos(1-2*i/n); t2 = np.pi*(1+5**.5)*i
    D = np.column_stack([np.cos(t2)*np.sin(ph), np.sin(t2)*np.sin(ph), np.cos(ph)]); D = unit(D+np.array([0, 0.30, 0]))
    P = C0+cast(D, f=base)[:, None]*D; m = P[:, 1]-yline(azi(P)); P = P[m > 0.95]
    dR, _ = cKDTree(np.vstack(rings)).query(P); P = P[dR > 0.38]
    P = np.vstack(rings+[P]); rid = np.r_[np.repeat(np.arange(4), na), np.full(len(P)-4*na, 9)]
    D = unit(P-C0); T = ConvexHull(D).simplices; c = np.cross(D[T[:, 1]]-D[T[:, 0]], D[T[:, 2]]-D[T[:, 0]]); f = (c*D[T[:, 0]]).sum(1) < 0; T[f] = T[f][:, [0, 2, 1]]
    T = T[~(rid[T] == 0).all(1)]
    m = P[:, 1]-yline(azi(P)); m[rid == 0] = 0
    x, y, z = P.T
    top = sstep(2.5, 10.0, y); front = sstep(0, 7.5, z)*sstep(4.5, 8.5, y)
    th = 0.62+0.95*top+0.75*front*np.exp(-((x-1.6)/3.6)**2)+0.25*sstep(-2, -8, z)*sstep(-4, 3, y)
    th *= np.clip(m/1.5, 0, 1)**0.55
    part = np.exp(-((x+3.1+0.10*z)/0.42)**2)*sstep(3.0, 8.0, y)*sstep(-5, 3, z)
    th -= 0.42*part*sstep(0.2, 1.6, m)
    flow = z*0.62+y*0.22-np.abs(x+3.1)*0.33+0.5*np.sin(x*0.6); st = np.sin(flow*2.6+0.7*np.sin(flow*1.1))
    th += (0.10*st+0.05*np.sin(flow*5.3+x*0.4))*sstep(0.1, 1.6, m)*(1-part)
    th = np.where(rid == 0, -0.05, th)
    g = grad(base, P, 0.3); V = P+unit(0.55*g+0.45*D)*th[:, None]
    M.add(V, T, HAIR, PAL['hair']*(0.8+0.5*sstep(-1, 1, st))[:, None], 0.54, 0.035, 0.25)

def cloth(M):
    ys = np.array([-12.35, -12.05, -11.95, -12.1, -12.6, -13.2, -13.8, -14.3, -14.6, -14.85, -15.2, -15.7, -16.3, -17.0, -17.9, -19.0, -20.4, -22.0, -24.0])
    ax = np.array([4.9, 5.15, 5.4, 5.62, 5.72, 5.65, 5.6, 5.75, 6.05, 6.6, 7.6, 9.2, 11.2, 13.2, 15.0, 16.3, 17.0, 17.3, 17.4])
    bz = np.array([4.7, 5.0, 5.25, 5.45, 5.55, 5.5, 5.45, 5.5, 5.65, 5.9, 6.2, 6.6, 7.1, 7.6, 8.0, 8.3, 8.5, 8.6, 8.6])
    zc = np.array([-1.7, -1.7, -1.7, -1.7, -1.75, -1.8, -1.85, -1.9, -1.95, -2.0, -2.1, -2.2, -2.3, -2.4, -2.5, -2.5, -2.5, -2.5, -2.5])
    na = 56; b = np.linspace(0, 2*np.pi, na+1)[:-1]; V = []
    for i in range(len(ys)):
        se = 1.0 if i < 9 else 1.0-0.12*min((i-8)/6, 1)
        cx = np.sign(np.sin(b))*np.abs(np.sin(b))**se*ax[i]; cz = zc[i]+np.sign(np.cos(b))*np.abs(np.cos(b))**se*bz[i]
        tiltf = 0.07*(np.cos(b))*5.5 if i < 8 else 0.0
        fold = 0.05*np.sin(3*b+i*1.3) if i < 9 else 0.06*np.sin(2*b+i)
        V.append(np.column_stack([cx, ys[i]-tiltf*0.9+fold+ (0.25*np.abs(np.sin(b))**2 if i<8 else 0), cz]))
    V = np.vstack(V); a = np.arange(na); tt = []
    for i in range(len(ys)-1): tt += strip(i*na+a, (i+1)*na+a)
    tt = np.array(tt)[:, [0, 2, 1]]
    M.add(V, tt, CLOTH, PAL['cloth'], 0.85, 0.02, 0.1)

# ------------------------------------------------------------------ 4 shapes
NAMES = ['eyeBlinkLeft','eyeLookDownLeft','eyeLookInLeft','eyeLookOutLeft','eyeLookUpLeft','eyeSquintLeft','eyeWideLeft',
'eyeBlinkRight','eyeLookDownRight','eyeLookInRight','eyeLookOutRight','eyeLookUpRight','eyeSquintRight','eyeWideRight',
'jawForward','jawLeft','jawRight','jawOpen','mouthClose','mouthFunnel','mouthPucker','mouthLeft','mouthRight',
'mouthSmileLeft','mouthSmileRight','mouthFrownLeft','mouthFrownRight','mouthDimpleLeft','mouthDimpleRight','mouthStretchLeft','mouthStretchRight',
'mouthRollLower','mouthRollUpper','mouthShrugLower','mouthShrugUpper','mouthPressLeft','mouthPressRight','mouthLowerDownLeft','mouthLowerDownRight','mouthUpperUpLeft','mouthUpperUpRight',
'browDownLeft','browDownRight','browInnerUp','browOuterUpLeft','browOuterUpRight','cheekPuff','cheekSquintLeft','cheekSquintRight','noseSneerLeft','noseSneerRight','tongueOut']
MW = MOUTH_W; MY = MOUTH_Y

class Rig:
    def __init__(s, M):
        s.V, s.A, s.tag, s.ul = M['V'], M['A'], M['tag'], M['ul']
        A = s.A; s.x, s.y, s.z = A.T
        s.face = np.isin(s.tag, (SKIN, BROW, LASH, CAVITY))
        s.front = sstep(0.5, 4.0, s.z)*s.face
        ym, zm = mouth_line(s.x); s.ym = ym; s.s = s.y-ym
        ax = np.abs(s.x)
        wid = 0.035+0.75*sstep(MW-0.30, MW+0.9, ax)
        auto = sstep(-1, 1, s.s/wid); cb = sstep(MW-0.5, MW, ax)
        t = np.clip(ax/MW, 0, 1); prof = (1-t**3.0)**0.85          # elliptical mouth opening
        sg = np.where(np.abs(s.ul) > .5, np.sign(s.ul), np.sign(s.s)); near = np.exp(-(s.s/0.55)**2)
        auto = np.where(np.abs(s.ul) > .5, 0.5+0.5*sg, auto)
        s.up = auto*(1-near)+(0.5+0.5*sg*prof)*near
        s.inn = (s.tag == CAVITY)
        s.up[s.inn & (np.abs(s.ul) < .5)] = 0.5
        s.lo = 1-s.up
        # how much of the jaw's way the lips go: towards the corners the change from one lip to the other takes more room,
        # or the skin about the corners would tear open there and fold when the lips close again (mouthClose)
        wide = np.exp(-(s.s/(.55+.50*sstep(MW*.5, MW+.2, ax)))**2); s.lo_jaw = []
        for along in (prof, (1-t**2)**2):         # opening: elliptical; sliding forward or sideways: without its edge at the corners
            lo = 1-(auto*(1-wide)+(0.5+0.5*sg*along)*wide); lo[s.inn & (np.abs(s.ul) < .5)] = 0.5; s.lo_jaw.append(lo)
        s.left = sstep(-0.7, 0.7, s.x); s.right = 1-s.left
        d = np.hypot(s.x*0.0+np.clip(ax-MW*0.75, 0, None)*1.0, s.s)
        s.lipd = d                                      # distance from the seam
        s.inn = (s.tag == CAVITY)
        s.lidzone = np.zeros(len(A))
        for sd in (1, -1):
            c = EC*[sd, 1, 1]; u = (s.x-c[0])*sd; v = s.y-c[1]; t = np.maximum(v-lid_upper(u), lid_lower(u)-v)
            s.lidzone = np.maximum(s.lidzone, sstep(1.15, 0.55, t)*sstep(OPEN_W+0.6, OPEN_W, np.abs(u))*(s.z > 5))
        g = grad(base, A, 0.25); s.N = g
        s._b0 = base(A)
    # ---- helpers
    def G(s, c, r, mirror=1):
        c = np.array(c, float)*[mirror, 1, 1]; r = np.array(r, float)
        return np.exp(-(((s.A-c)/r)**2).sum(1))
    def slide(s, D, w=0.9):
        """Keep the skin at its neutral depth over the skull while it slides."""
        # the mouth bag too (its anchors are the seam's), or it would stand out before lips that slid backwards
        m = (np.linalg.norm(D, axis=1) > 1e-4) & np.isin(s.tag, (SKIN, BROW, CAVITY))
        p = s.A[m]+D[m]
        for _ in range(2):
            e = base(p)-s._b0[m]; p = p-grad(base, p, 0.1)*np.clip(e, -0.6, 0.6)[:, None]*w
        o = D.copy(); k = s.lidzone[m][:, None]; o[m] = (p-s.A[m])*(1-k)+D[m]*k
        return o
    def protect(s, D):
        """Keep lid skin outside the eyeballs at full weight."""
        for sd in (1, -1):
            c = EC*[sd, 1, 1]; p = s.V+D-c; r = np.linalg.norm(p, axis=1); r0 = np.linalg.norm(s.V-c, axis=1)
            need = np.where(np.isin(s.tag, (SKIN,)) & (np.linalg.norm(D, axis=1) > 1e-4) & (r0 > ER+0.05) & (r0 < ER+2.0), np.maximum(0, np.minimum(r0, ER+0.10)-r), 0)
            D = D+unit(p)*need[:, None]
        return D
    def vec(s, w, v): return w[:, None]*np.asarray(v, float)
    # ---- eyelids
    def lid(s, side, up_to=None, lo_to=None, up_f=0., lo_f=0.):
        """Rotate lids round the eyeball. up_f: fraction from open to closed (neg = wider)."""
        c = EC*[side, 1, 1]; q = s.A-c; u = q[:, 0]*side; v = q[:, 1]
        near = (s.x*side > 0)*sstep(2.0, 4.5, s.z)*np.isin(s.tag, (SKIN, LASH))
        ue = np.clip(u, -OPEN_W, OPEN_W)
        yu, yl, yc = lid_upper(ue), lid_lower(ue), lid_close(ue)
        R = LIDR
        el = lambda y: np.arcsin(np.clip(y/np.sqrt(np.maximum(R*R-0.8*ue*ue, 0.5)), -0.95, 0.95))
        du = el(yc)-el(yu); dl = el(yc)-el(yl)
        mid = yl+0.45*(yu-yl)
        edge = sstep(OPEN_W+0.75, OPEN_W-0.15, np.abs(u))
        tu = v-yu; tl = yl-v
        wu = np.where(v >= mid, 1-sstep(0.0, 1.25, tu), 0)*edge
        wl = np.where(v < mid, 1-sstep(0.0, 1.15, tl), 0)*edge
        ang = (wu*du*up_f+wl*dl*lo_f)*near
        p = s.V-c; ca, sa = np.cos(ang), np.sin(ang)
        # positive elevation change = rotate up about the x axis
        y2 = p[:, 1]*ca+p[:, 2]*sa; z2 = -p[:, 1]*sa+p[:, 2]*ca
        D = np.column_stack([np.zeros(len(p)), y2-p[:, 1], z2-p[:, 2]])
        # never cut into the eyeball; unfold the crease when closing
        pp = s.V+D-c; r = np.linalg.norm(pp, axis=1); need = np.where((s.tag == SKIN) & (np.abs(ang) > 1e-3), np.maximum(0, ER+0.09-r), 0)*(np.linalg.norm(s.V-c, axis=1) > ER+0.05)
        D += unit(pp)*need[:, None]
        if up_f > 0:
            w = np.exp(-((tu-0.43)/0.085)**2)*(np.abs(u) < OPEN_W*1.05)*np.clip(1.15-(u/OPEN_W/1.05)**2, 0, 1)*near*(s.tag == SKIN)
            D += unit(s.V-c)*(0.07*w*up_f)[:, None]
        return D
    def eye(s, side, ax, ay):
        """Rotate eyeball: ax>0 looks up, ay>0 looks to subject's left."""
        c = EC*[side, 1, 1]; m = s.tag == (EYEL if side == 1 else EYER); D = np.zeros_like(s.V); p = s.V[m]-c
        ca, sa = np.cos(ax), np.sin(ax); p2 = np.column_stack([p[:, 0], p[:, 1]*ca+p[:, 2]*sa, -p[:, 1]*sa+p[:, 2]*ca])
        cb, sb = np.cos(ay), np.sin(ay); p3 = np.column_stack([p2[:, 0]*cb+p2[:, 2]*sb, p2[:, 1], -p2[:, 0]*sb+p2[:, 2]*cb])
        D[m] = p3-p; return D
    # ---- jaw
    def jaww(s, slides=False):
        ax = np.abs(s.x)
        yl = -2.6-.44*s.z                                # ear -> corner of the mouth
        w = 1.05+0.80*sstep(MW*0.9, MW+2.6, ax)
        m = sstep(1.0, -1.0, (s.y-yl)/w)
        lipm = s.lo_jaw[slides]; k = sstep(MW+0.9, MW-0.3, ax)*sstep(3.0, 1.2, np.abs(s.s))*(s.z > 4)
        m = m*(1-k)+lipm*k
        pts = [(5.4, -3.2, 0.0), (5.1, -5.6, 0.9), (3.4, -8.0, 4.2), (0, -9.3, 7.0)]
        q = np.column_stack([ax, s.y, s.z]); d = poly(q, pts, [0, 0, 0, 0]); d = np.minimum(d, ell(q, (0, -7.6, 6.5), (3.2, 1.6, 3.2)))
        f = sstep(4.6, 0.9, d)
        neck = sstep(-14.0, -9.6, s.y-0.35*(s.z-4))
        m = m*f*neck*s.face
        m[np.isin(s.tag, (TEETHL, TONGUE))] = 1.0
        return m
    def jaw(s, deg, fwd=0.0):
        w = s.jaww(); a = np.radians(deg)*w; P0 = np.array([0, -2.4, -0.4]); p = s.V-P0
        ca, sa = np.cos(a), np.sin(a); y2 = p[:, 1]*ca-p[:, 2]*sa; z2 = p[:, 1]*sa+p[:, 2]*ca
        D = np.column_stack([np.zeros(len(p)), y2-p[:, 1], z2-p[:, 2]])+s.vec(w, (0, 0, fwd))
        # cheeks hollow and corners come in
        for sd in (1, -1):
            D += s.vec(s.G((MW+0.1, MY-0.6, 8.2), (1.1, 1.5, 2.0), sd)*s.face, (-0.28*sd, 0, 0.05))
            D += s.N*(-0.30*s.G((4.6, -5.6, 5.2), (1.5, 1.9, 2.2), sd)*s.face)[:, None]
        return D
    # ---- mouth
    def corner(s, side, v, r=(1.55, 1.45, 2.2), lipk=1.0, p=2.0):
        """Pull a lip corner: full at the corner, decays along the lip and into the cheek."""
        sx = s.x*side
        along = np.clip(sx/MW, 0, 1)**p                       # 0 at the centre, 1 at the corner
        lipw = np.exp(-(s.s/1.15)**2)*along*(sx > 0)*(s.z > 3)
        out = np.exp(-((np.clip(sx-MW, 0, None)/r[0])**2+(s.s/r[1])**2))*(sx > 0)*(s.z > 2)
        w = np.where(sx < MW, lipw, out)*s.face
        w = np.where(s.inn, w*np.exp(-np.clip(8.6-s.V[:, 2], 0, 9)/3.0), w)
        return s.vec(w*lipk, np.asarray(v)*[side, 1, 1])
    def lipband(s, which, h=0.85, k=2.0):
        m = s.up if which > 0 else s.lo
        w = np.exp(-(s.s/h)**2)*np.clip(1-(np.abs(s.x)/(MW*1.08))**k, 0, 1)*m*s.face*(s.z > 3)
        return np.where(s.inn, m*np.clip(1-(np.abs(s.x)/MW)**k, 0, 1)*np.exp(-np.clip(9.3-s.V[:, 2], 0, 9)/1.6), w)
    def thin(s, which, k, h=.95):
        """Draw the red part of a lip together towards the seam by the share k; never folds for k up to 1."""
        m = (s.up if which > 0 else s.lo)*np.clip(1-(np.abs(s.x)/(MW*1.1))**4, 0, 1)
        return s.vec(-k*s.s*np.exp(-(s.s/h)**2)*m*s.face*(s.z > 3), (0, 1, 0))
    def swell(s, at, h, w):
        """Skin pushed out in a band along the mouth, `at` cm above (or below) the seam."""
        return s.N*(np.exp(-((s.s-at)/h)**2-(s.x/w)**2)*s.face*(s.z > 5)*(~s.inn))[:, None]
    def groove(s, side, pts, r):
        """A furrow along a line, 1 cm deep, r wide, tapering at both ends; the mesh carries no narrower ones than about 0.2."""
        q = np.column_stack([s.x*side, s.y, s.z]); g = np.asarray(pts, float); ab = g[-1]-g[0]
        t = np.clip((q-g[0])@ab/(ab@ab), 0, 1); d = poly(q, g, [0]*len(g))
        return -s.N*(np.exp(-(d/r)**2)*(4*t*(1-t))**.5*s.face*(~s.inn))[:, None]
    def below(s, side):
        """How far below the lower lid (cm) and where along it (-1 inner to 1 outer corner)."""
        u = s.x*side-EC[0]; return lid_lower(np.clip(u, -OPEN_W, OPEN_W))-(s.y-EC[1]), u/OPEN_W
    def shape(s, name):
        Z = np.zeros_like(s.V); f = s.face
        side = 1 if name.endswith('Left') else -1
        n = name[:-4] if name.endswith('Left') else name[:-5] if name.endswith('Right') else name
        if name in ('mouthLeft', 'mouthRight', 'jawLeft', 'jawRight'): n = name[:5] if name.startswith('mouth') else 'jaw'
        Gs = lambda c, r: s.G(c, r, side)*f
        if n == 'eyeBlink': return s.lid(side, up_f=1.0, lo_f=0.92)+s.vec(Gs((3.2, 1.2, 7.6), (1.8, .7, 2)), (0, -0.06, 0))
        if n == 'eyeLookDown': return s.lid(side, up_f=0.46, lo_f=-0.10)+s.eye(side, -np.radians(22), 0)
        if n == 'eyeLookUp': return s.lid(side, up_f=-0.22, lo_f=0.10)+s.eye(side, np.radians(20), 0)+s.vec(Gs((3, 2.2, 8), (2, 1, 2)), (0, .06, 0))
        if n == 'eyeLookIn': return s.eye(side, 0, -side*np.radians(26))+s.vec(Gs((2.4, 0, 8.2), (1, .9, 1.5)), (-.04*side, 0, .02))
        if n == 'eyeLookOut': return s.eye(side, 0, side*np.radians(27))+s.vec(Gs((4.2, 0, 7.6), (1, .9, 1.5)), (.04*side, 0, .02))
        if n == 'eyeSquint':
            # both lids close in: the lower one rises most in its middle and so becomes a straight line; the cheek keeps still
            D = s.lid(side, up_f=0.36, lo_f=2.1); D += s.vec(Gs((3.3, -1.15, 7.6), (1.5, .45, 2)), (0, .06, .04)); return D+s.vec(Gs((3.2, 1.5, 8), (1.8, .8, 2)), (0, -.10, 0))
        if n == 'eyeWide': return s.lid(side, up_f=-0.34, lo_f=-0.14)+s.slide(s.vec(Gs((3.2, 2.0, 8), (2.2, 1.0, 2)), (0, .16, 0)))
        if n == 'jawForward':
            # from the front depth hardly shows: the lower lip rides up before the upper one and hides its red
            D = s.vec(s.jaww(True), (0, 0.06, 1.10))+s.vec(s.lipband(-1, .8, 2), (0, .50, .20))+s.thin(1, .60)+s.vec(s.lipband(1, .6, 2), (0, .10, -.16))
            return D+s.swell(-1.5, .45, 1.6)*-.20+s.N*(.22*s.G((0, -9.0, 8.4), (1.6, .9, 2))*f)[:, None]
        if n == 'jaw':
            # the upper lip is dragged along, or the lips would shear at the seam
            D = s.slide(s.vec(s.jaww(True), (1.20*side, 0, -0.05)), .55); return D+s.vec(s.lipband(1, .9, 3), (.40*side, 0, 0))
        if n == 'jawOpen': return s.jaw(17.5, 0.0)
        if n == 'mouthClose':
            # undoes the dropping of the lips and carries both two fifths of the way down: over an open jaw they meet in the form
            # they have at rest, and the skin of chin and philtrum takes the stretch. The corners are half-way down already
            D = s.jaw(17.5); full = D[(s.tag == SKIN) & (s.ul < -.5) & (np.abs(s.x) < .3)].mean(0)
            ss = np.where(np.abs(s.ul) > .5, 0, s.s); m = sstep(-3.4, -.55, ss)*sstep(2.0, .35, ss)*(s.z > 3)*f
            # off the seam the corners give way only half: alone this shape must not fold the skin, its normals are added to the jaw's
            near = np.exp(-(ss/.35)**2); m *= sstep(MW+2.4, MW-.2, np.abs(s.x))*near+sstep(MW+.9, MW*.4, np.abs(s.x))*(1-near)
            m = m*np.where(s.inn, np.exp(-np.clip(9.3-s.V[:, 2], 0, 9)/2.2), 1.0); t = np.clip(np.abs(s.x)/MW, 0, 1)
            return m[:, None]*(s.vec(.40+.10*t**3, full)-D)
        if n == 'mouthFunnel':
            D = s.vec(s.lipband(1), (0, .30, .62))+s.vec(s.lipband(-1), (0, -.40, .66))
            for sd in (1, -1): D += s.corner(sd, (-.62, 0, .55), r=(1.0, 1.3, 2), p=1.2)
            D += s.vec(np.exp(-(np.abs(s.s)/1.9)**2-(s.x/2.6)**2)*f*(s.z > 5)*(~s.inn), (0, 0, .18)); return D
        if n == 'mouthPucker':
            # shut, unlike the funnel: half as wide, the red swells forward
            D = s.vec(s.lipband(1)+s.lipband(-1), (0, 0, .58))+s.thin(1, -.22, .7)+s.thin(-1, -.18, .8)
            for sd in (1, -1): D += s.corner(sd, (-1.12, .0, .62), r=(1.2, 1.4, 2), p=1.05)
            D += s.vec((s.lipband(1, .45, 3)+s.lipband(-1, .5, 3))*np.exp(-(s.x/1.1)**2), (0, 0, .14))
            D += s.vec(np.exp(-(np.abs(s.s)/1.9)**2-(s.x/2.8)**2)*f*(s.z > 5)*(~s.inn), (0, 0, .20)); return D
        if n == 'mouth':
            # the corner ahead rises into the cheek, the one behind is drawn after
            w = np.exp(-(s.s/1.7)**2-(np.clip(np.abs(s.x)-MW*.6, 0, None)/1.7)**2)*f*(s.z > 3); w = np.where(s.inn, w*np.exp(-np.clip(9-s.V[:, 2], 0, 9)/2), w)
            D = s.slide(s.vec(w, (1.35*side, 0, 0))+s.corner(side, (.10, .16, -.16))+s.corner(-side, (.16, -.05, .10)), .8)
            return D+s.N*(.24*Gs((4.15, -6.2, 6.9), (.7, 1.1, 1.6)))[:, None]+s.crease(side)*.22
        if n == 'mouthSmile':
            D = s.corner(side, (1.04, .74, -.46), r=(1.75, 1.55, 2.4), p=1.55)
            D += s.vec(s.lipband(1)*np.clip(s.x*side/MW+.35, 0, 1), (0, .10, -.10))+s.vec(s.lipband(-1)*np.clip(s.x*side/MW+.35, 0, 1), (0, .07, -.10))
            D += s.vec(Gs((4.1, -3.4, 6.6), (1.7, 1.5, 2.4)), (.12*side, .46, .05))
            D = s.slide(D, .75)
            D += s.N*(0.50*Gs((4.1, -2.9, 6.6), (1.4, 1.1, 2.2))-.12*Gs((3.75, -5.55, 7.3), (.35, .45, 1.5)))[:, None]
            D += s.crease(side)*0.34
            D += s.lid(side, lo_f=0.22); return D
        if n == 'mouthFrown':
            D = s.corner(side, (.14, -1.02, -.14), r=(1.25, 1.5, 2.2), p=1.7); D += s.vec(s.lipband(-1)*np.clip(s.x*side/MW+.4, 0, 1), (0, .06, .04))
            D = s.slide(D, .7); D += s.N*(.20*Gs((3.75, -7.3, 7.1), (.6, .8, 1.5))-.26*Gs((3.0, -7.5, 7.8), (.42, .9, 1.6)))[:, None]; return D
        if n == 'mouthDimple':
            # the corner is pulled out and tucked in; the cheek wells up round the pit
            D = s.slide(s.corner(side, (.76, -.02, -.84), r=(.85, .95, 2), p=2.1), .6)
            D += (s.thin(1, .55)+s.thin(-1, .55))*np.clip(s.x*side/MW, 0, 1)[:, None]**1.5
            return D+s.N*(.52*Gs((4.15, -6.2, 7.0), (.60, 1.1, 1.5))-.58*Gs((3.15, -6.35, 7.9), (.42, .85, 1.6)))[:, None]
        if n == 'mouthStretch':
            # out and a little down, tight; the lower lip is drawn off the upper one
            k = np.clip(s.x*side/MW+.3, 0, 1); D = s.corner(side, (1.25, -.40, -.46), r=(1.7, 1.7, 2.4), p=1.6); D += s.vec(s.lipband(-1)*k, (0, -.30, -.10))
            D = s.slide(D, .75)+(s.thin(1, .35)+s.thin(-1, .30))*k[:, None]
            return D+s.groove(side, [(3.9, -5.4, 7.2), (4.25, -6.9, 6.6), (3.9, -8.3, 6.3)], .40)*.22
        if n == 'mouthRollLower':
            # the red goes in over the teeth: only the seam is left of it
            ends = sum(s.corner(sd, (-.30, 0, -.04), p=1.8) for sd in (1, -1))
            return s.thin(-1, .95, 1.15)+s.vec(s.lipband(-1, .62, 3), (0, .10, -.52))+ends+s.swell(-1.15, .40, 1.9)*.16
        if n == 'mouthRollUpper':
            ends = sum(s.corner(sd, (-.30, 0, -.04), p=1.8) for sd in (1, -1))
            return s.thin(1, .95, 1.0)+s.vec(s.lipband(1, .55, 3), (0, -.10, -.50))+ends+s.swell(.95, .35, 1.8)*.12
        if n == 'mouthShrugLower':
            # the chin pushes the lower lip up and out before a flattened upper one (mouthShrugUpper is the other way round)
            D = s.vec(s.lipband(-1, 1.0), (0, .50, .42))+s.vec(s.lipband(1, .8), (0, .36, .06))+s.thin(1, .35)+s.thin(-1, -.15, .8); D += s.vec(s.G((0, -8.8, 8.2), (1.7, 1.1, 2.2))*f, (0, .62, .14))
            for sd in (1, -1): D += s.corner(sd, (-.06, -.34, 0), r=(.9, 1.1, 2), p=2.2)
            return D+s.N*(-.28*np.exp(-((s.s+1.35)/.3)**2-(s.x/1.6)**2)*f*(s.z > 6)*(~s.inn))[:, None]
        if n == 'mouthShrugUpper':
            # the upper lip is pushed up and curls out, the lower one follows so that the mouth stays shut
            D = s.vec(s.lipband(1, .85), (0, .48, .36))+s.vec(s.lipband(-1, .85), (0, .45, .14))+s.thin(1, -.25, .8)+s.thin(-1, .40)
            for sd in (1, -1): D += s.corner(sd, (-.10, -.10, 0), r=(.9, 1.1, 2), p=2.4)
            return D+s.swell(1.35, .30, 1.5)*-.16
        if n == 'mouthPress':
            # flat against each other: a line of red, wider than at rest, between two bulges
            k = np.clip(s.x*side/MW*1.2+.5, 0, 1)[:, None]; D = (s.thin(1, .80, 1.0)+s.thin(-1, .80, 1.15)+s.vec(s.lipband(1, .55, 3)+s.lipband(-1, .55, 3), (0, 0, -.40)))*k
            D += (s.swell(1.0, .38, 2.2)*.26+s.swell(-1.15, .42, 2.2)*.34)*k
            return D+s.corner(side, (.44, -.12, -.34), p=2.0)+s.N*(.16*Gs((3.75, -6.6, 7.3), (.5, .8, 1.5))-.18*Gs((3.1, -6.35, 7.8), (.38, .6, 1.5)))[:, None]
        if n == 'mouthLowerDown':
            k = np.exp(-((s.x*side-.95)/.95)**2); return s.vec(s.lipband(-1, 1.15, 2.6)*k, (.10*side, -.62, .10))+s.vec(np.exp(-((s.s+1.3)/.8)**2)*k*s.lo*f*(s.z > 6)*(~s.inn), (0, -.16, 0))
        if n == 'mouthUpperUp':
            k = np.exp(-((s.x*side-1.05)/.95)**2); D = s.vec(s.lipband(1, 1.05, 2.6)*k, (.06*side, .56, .02)); D += s.vec(Gs((1.9, -4.4, 9), (1.1, 1.0, 1.6))*(~s.inn), (.04*side, .26, .0)); return D+s.crease(side)*0.20
        if n == 'browDown':
            D = s.vec(Gs((1.7, 2.1, 8.6), (1.9, 1.3, 2.6)), (-.26*side, -.62, 0))+s.vec(Gs((3.8, 2.4, 7.6), (1.8, 1.2, 2.6)), (-.08*side, -.40, 0)); D = s.slide(D, .9)
            D += s.N*(.20*Gs((1.15, 1.75, 8.7), (.7, .6, 1.5))-.13*Gs((.42, 2.0, 9.0), (.16, .8, 1.5)))[:, None]; return D*(1-0.92*s.lidzone)[:, None]+s.lid(side, up_f=0.16)
        if n == 'browInnerUp':
            D = Z.copy()
            for sd in (1, -1): D += s.vec(s.G((1.45, 2.5, 8.4), (1.55, 1.9, 2.8), sd)*f, (-.10*sd, .62, 0))
            D = s.slide(D, .9); D += s.N*(s.wrinkle()*0.075*np.exp(-(s.x/2.9)**2))[:, None]; return D
        if n == 'browOuterUp':
            D = s.slide(s.vec(Gs((4.2, 2.6, 7.2), (1.9, 1.9, 2.8)), (.05*side, .72, 0)), .9); return D+s.N*(s.wrinkle()*0.05*np.exp(-((s.x*side-4)/2.0)**2))[:, None]
        if n == 'cheekPuff':
            D = Z.copy()
            # blown up from inside, so away from a point in the mouth: along the normals the edge of the jaw would break out
            away = unit(s.A-np.array([0, -5.0, 3.0]))*np.array([1, .6, 1])
            for sd in (1, -1): D += away*(1.25*s.G((4.5, -5.2, 5.8), (1.9, 2.0, 2.8), sd)*f*(~s.inn))[:, None]+s.corner(sd, (-.34, 0, .34), p=1.6)
            return D+s.vec(s.lipband(1)+s.lipband(-1), (0, 0, .16))+s.swell(1.2, .5, 2.2)*.22+s.swell(-1.3, .5, 2.2)*.22
        if n == 'cheekSquint':
            # the cheek is pushed up and wells up under the eye; the lower lid is lifted from below into an arch, with a bag and a
            # furrow between lid and cheek; crow's feet; the tail of the brow gives way a little
            D = s.slide(s.vec(Gs((4.0, -2.45, 6.7), (1.8, 1.35, 2.4)), (0, .76, 0)), .9)+s.N*(.60*Gs((4.0, -2.2, 6.9), (1.5, .85, 2.2))-.22*Gs((3.5, -3.75, 7.3), (1.4, .42, 2)))[:, None]
            t, a = s.below(side); on = np.clip(1-(a/1.15)**2, 0, 1)*(s.x*side > 0)*(s.z > 4)*(s.tag == SKIN)
            D += s.lid(side, up_f=.06, lo_f=.80)+s.N*(on*(.17*np.exp(-((t-.30)/.20)**2)-.19*np.exp(-((t-.78)/.24)**2)))[:, None]
            for y0, y1 in ((.55, 1.0), (.12, .22), (-.30, -.52)): D += s.groove(side, [(4.85, y0, 6.9), (5.9, y1, 5.7)], .20)*.15
            return D+s.vec(Gs((4.6, 2.0, 7.0), (1.2, .8, 2.0)), (-.04*side, -.20, 0))
        if n == 'noseSneer':
            # wing and tip go up and the nose shortens; its root wrinkles, the inner brow comes down, the lip is drawn along
            D = s.vec(Gs((1.25, -3.6, 9.6), (.85, .9, 1.4)), (.14*side, .80, -.06))+s.vec(Gs((.1, -3.4, 10.6), (.8, 1.0, 1.2)), (.03*side, .22, -.04))+s.vec(Gs((1.6, -1.9, 8.4), (.9, 1.2, 1.5)), (-.08*side, .42, .0))
            D += s.vec(Gs((1.45, 1.7, 8.4), (1.3, 1.0, 2)), (-.18*side, -.40, 0))*(1-.92*s.lidzone)[:, None]+s.vec(s.lipband(1)*np.exp(-((s.x*side-1.15)/.85)**2), (0, .18, .04))
            D += s.N*(.24*Gs((1.15, -1.4, 8.6), (.55, .85, 1))+.22*Gs((2.2, -3.0, 8.0), (.8, .8, 1.2))+.14*Gs((1.05, 1.2, 8.7), (.6, .5, 1.2)))[:, None]
            for y0, y1 in ((.60, .40), (-.35, -.85)): D += s.groove(side, [(-.25, y0+.05, 8.9), (.45, y0, 8.75), (1.25, y1, 8.2)], .28)*.26
            return D+s.crease(side)*.44
        if n == 'tongueOut':
            # the jaw makes room, the lips part round the tongue, and it comes out over lower teeth and lip. It hangs
            # little: the tip goes straight from rest to its end, and the lower it ends the more of it goes through the lip
            D = s.jaw(.30*17.5)+s.vec(s.lipband(-1, .9, 3), (0, -.16, .04))+s.vec(s.lipband(1, .8, 3), (0, .08, .05))
            m = s.tag == TONGUE; k = (s.V[m, 2]-5.2)/3.0; y0 = MY-1.0-.25*k*k; h = (s.V[m, 1]-y0)*.80
            at = np.array([0, .25, .45, .60, .72, .83, .92, 1.0]); zs = np.array([5.1, 6.9, 8.35, 9.35, 10.10, 10.70, 11.05, 11.15]); ys = np.array([-7.5, -7.45, -7.18, -6.94, -6.94, -7.25, -7.72, -7.98])
            cz, cy = CubicSpline(at, zs), CubicSpline(at, ys); tz, ty = cz(k, 1), cy(k, 1); l = np.hypot(tz, ty)
            D[m] = np.column_stack([s.x[m]*(1-.65*sstep(.95, 1.0, k)), cy(k)+h*tz/l, cz(k)-h*ty/l])-s.V[m]; return D
        raise KeyError(name)
    def crease(s, side):
        """Naso-labial fold. The skin there has a vertex every 0.6 cm, too few for a furrow: it is told as a step, the cheek
        swelling over the lip."""
        pts = [(1.75, -3.7, 9.0), (2.6, -4.7, 8.55), (3.45, -6.2, 7.9)]
        q = np.column_stack([s.x*side, s.y, s.z]); d = poly(q, pts, [0, 0, 0]); k = sstep(-3.0, -4.0, s.y)*sstep(-6.2, -4.6, s.y)
        e = d*np.sign(s.x*side-np.interp(-s.y, [3.7, 4.7, 6.2], [1.75, 2.6, 3.45]))          # positive towards the cheek
        return s.N*((.75*np.exp(-((e-.60)/.50)**2)-np.exp(-((e+.10)/.40)**2))*k*s.face*(~s.inn)*(s.z > 4))[:, None]
    def wrinkle(s):
        return np.sin((s.y-3.3)*2*np.pi/1.25)*sstep(3.2, 4.0, s.y)*sstep(7.0, 5.6, s.y)*(s.tag == SKIN)*s.front
    def all(s): return {n: s.protect(s.shape(n)) for n in NAMES}

# ------------------------------------------------------------------ software preview (also bakes AO)

@njit
def raster(P, Z, T, W, H, zbuf, tid, bu, bv):
    for t in range(T.shape[0]):
        a, b, c = T[t, 0], T[t, 1], T[t, 2]
        x0, y0 = P[a, 0], P[a, 1]; x1, y1 = P[b, 0], P[b, 1]; x2, y2 = P[c, 0], P[c, 1]
        area = (x1-x0)*(y2-y0)-(x2-x0)*(y1-y0)
        if abs(area) < 1e-9: continue
        xmin = max(0, int(np.floor(min(x0, x1, x2)))); xmax = min(W-1, int(np.ceil(max(x0, x1, x2))))
        ymin = max(0, int(np.floor(min(y0, y1, y2)))); ymax = min(H-1, int(np.ceil(max(y0, y1, y2))))
        if xmin > xmax or ymin > ymax: continue
        iz0, iz1, iz2 = 1/Z[a], 1/Z[b], 1/Z[c]
        for y in range(ymin, ymax+1):
            for x in range(xmin, xmax+1):
                px, py = x+0.5, y+0.5
                w1 = ((px-x0)*(y2-y0)-(x2-x0)*(py-y0))/area
                w2 = ((x1-x0)*(py-y0)-(px-x0)*(y1-y0))/area
                w0 = 1-w1-w2
                if w0 < -1e-6 or w1 < -1e-6 or w2 < -1e-6: continue
                iz = w0*iz0+w1*iz1+w2*iz2
                z = 1/iz
                if z < zbuf[y, x]:
                    zbuf[y, x] = z; tid[y, x] = t
                    bu[y, x] = w1*iz1*z; bv[y, x] = w2*iz2*z

def normals(V, T):
    fn = np.cross(V[T[:, 1]]-V[T[:, 0]], V[T[:, 2]]-V[T[:, 0]])
    N = np.zeros_like(V)
    for k in range(3):
        np.add.at(N, T[:, k], fn)
    return N/(np.linalg.norm(N, axis=1, keepdims=True)+1e-12)

def look(eye, at, up=(0, 1, 0)):
    eye = np.asarray(eye, float); f = np.asarray(at, float)-eye; f /= np.linalg.norm(f)
    r = np.cross(f, up); r /= np.linalg.norm(r); u = np.cross(r, f)
    return np.stack([r, u, f]), eye

def project(V, cam, f, W, H):
    R, e = cam
    C = (V-e) @ R.T
    z = C[:, 2]
    P = np.stack([W/2+f*C[:, 0]/z, H/2-f*C[:, 1]/z], 1)
    return np.ascontiguousarray(P), np.ascontiguousarray(z)

def norm3(v):
    v = np.asarray(v, float); return v/np.linalg.norm(v)

def render(V, T, N, col, rough, spec, sss, ao, cam, fov, size, ss=2, bg=((0.055,0.06,0.075),(0.16,0.17,0.20)),
           lights=None, shadow=True, exposure=1.0, flat=False, emis=None, amb=1.0):
    W, H = size[0]*ss, size[1]*ss
    f = 0.5*H/np.tan(np.radians(fov)/2)
    P, Z = project(V, cam, f, W, H)
    zb = np.full((H, W), 1e9); tid = np.full((H, W), -1, np.int32); bu = np.zeros((H, W)); bv = np.zeros((H, W))
    raster(P, Z, T, W, H, zb, tid, bu, bv)
    m = tid >= 0
    tt = T[tid[m]]; u = bu[m][:, None]; v = bv[m][:, None]; w = 1-u-v
    def ip(A):
        A = A if A.ndim == 2 else A[:, None]
        return A[tt[:, 0]]*w+A[tt[:, 1]]*u+A[tt[:, 2]]*v
    pos = ip(V); n = ip(N); n /= np.linalg.norm(n, axis=1, keepdims=True)+1e-9
    alb = ip(col); ro = ip(rough); sp = ip(spec); st = ip(sss); oc = ip(ao)
    R, e = cam
    vd = e-pos; vd /= np.linalg.norm(vd, axis=1, keepdims=True)
    # face the camera for backfaces
    fl = np.sum(n*vd, 1) < -0.15
    if lights is None:
        right, up, fw = R
        lights = [  # dir (towards light), colour, wrap-able, shadow
            (norm3(-0.62*right+0.62*up-0.75*fw), np.array([1.0, 0.95, 0.88])*2.6, True),
            (norm3(0.95*right+0.05*up-0.45*fw), np.array([0.62, 0.74, 1.0])*0.75, False),
            (norm3(0.55*right+0.45*up+0.85*fw), np.array([0.75, 0.86, 1.0])*2.0, False),
            (norm3(-0.8*right+0.25*up+0.75*fw), np.array([1.0, 0.82, 0.66])*1.0, False),
        ]
    out = np.zeros_like(alb)
    tint = np.array([1.0, 0.42, 0.28])
    for li, (L, c, shad) in enumerate(lights):
        nl = n @ L
        sh = np.ones(len(nl))
        if shad and shadow:
            c0 = V.mean(0); r = np.linalg.norm(V-c0, axis=1).max()
            LR, _ = look(c0+L*r*2, c0)
            le = c0+L*r*2
            S = 1024
            C = (V-le) @ LR.T
            PP = np.ascontiguousarray(np.stack([S/2+C[:, 0]/r*S/2, S/2-C[:, 1]/r*S/2], 1)); ZZ = np.ascontiguousarray(C[:, 2])
            szb = np.full((S, S), 1e9); a_ = np.full((S, S), -1, np.int32); b_ = np.zeros((S, S)); c_ = np.zeros((S, S))
            raster(PP, ZZ, T, S, S, szb, a_, b_, c_)
            Q = (pos+n*r*0.004-le) @ LR.T
            sx = S/2+Q[:, 0]/r*S/2; sy = S/2-Q[:, 1]/r*S/2
            acc = 0; k = 0
            for dx in (-5, -2.5, 0, 2.5, 5):
                for dy in (-5, -2.5, 0, 2.5, 5):
                    ix = np.clip((sx+dx).astype(int), 0, S-1); iy = np.clip((sy+dy).astype(int), 0, S-1)
                    acc = acc+(Q[:, 2] < szb[iy, ix]+r*0.006); k += 1
            sh = acc/k
        wrap = 0.45*st
        # per-channel wrap: red wraps further (cheap SSS)
        wr = wrap*np.array([1.0, 0.55, 0.42])
        d = np.clip((nl[:, None]+wr)/(1+wr), 0, None)**(1+0.25*st)
        shc = sh[:, None]**(1-0.45*st*np.array([1.0, 0.3, 0.2])) if shad else 1.0
        out += alb*c*d*shc/np.pi*1.6
        h = L+vd; h /= np.linalg.norm(h, axis=1, keepdims=True)
        nh = np.clip(np.sum(n*h, 1), 0, 1); vh = np.clip(np.sum(vd*h, 1), 0, 1); nv = np.clip(np.sum(n*vd, 1), 1e-3, 1)
        a2 = (ro[:, 0]**2)**2
        D = a2/(np.pi*((nh*nh*(a2-1)+1)**2)+1e-9)
        F = sp[:, 0]+(1-sp[:, 0])*(1-vh)**5
        k_ = (ro[:, 0]+1)**2/8; nlc = np.clip(nl, 0, 1)
        G = (nlc/(nlc*(1-k_)+k_+1e-6))*(nv/(nv*(1-k_)+k_))
        out += (D*F*G/(4*nv*np.maximum(nlc, 1e-3)+1e-6)*nlc*sh)[:, None]*c*1.2*oc**0.5
    # hemisphere ambient + AO with coloured bleeding
    up = n[:, 1:2]*0.5+0.5
    sky = np.array([0.50, 0.56, 0.66])*up+np.array([0.30, 0.24, 0.21])*(1-up)
    aoc = oc**(np.array([1.0, 1.25, 1.35])*(0.3+0.7*st)+(1-(0.3+0.7*st)))
    out += alb*sky*aoc*0.55*amb
    fr = (1-np.clip(np.sum(n*vd, 1), 0, 1))**4
    out += (fr*0.10)[:, None]*sky*oc
    out *= (0.35+0.65*oc)
    if emis is not None: out += ip(emis)
    if flat: out = alb.copy()
    out *= exposure
    # ACES fit
    o = np.clip((out*(2.51*out+0.03))/(out*(2.43*out+0.59)+0.14), 0, 1)
    o = np.where(o <= 0.0031308, 12.92*o, 1.055*np.maximum(o, 1e-6)**(1/2.4)-0.055)
    yy, xx = np.mgrid[0:H, 0:W]
    rr = np.sqrt(((xx-W/2)/W)**2+((yy-H*0.42)/H)**2)*1.5
    g = np.clip(1-rr, 0, 1)[..., None]
    img = (np.array(bg[0])*(1-g)+np.array(bg[1])*g)
    img = np.where(img <= 0.0031308, 12.92*img, 1.055*np.maximum(img, 1e-6)**(1/2.4)-0.055)
    img[m] = o
    img = img.reshape(size[1], ss, size[0], ss, 3).mean((1, 3))
    return (np.clip(img, 0, 1)*255+0.5).astype(np.uint8)

def ao_bake(V, T, N, nray=64, dist=None, seed=0):
    """Vertex AO by depth maps from many directions (hemisphere visibility)."""
    rng = np.random.default_rng(seed)
    c = V.mean(0); r = np.linalg.norm(V-c, axis=1).max()
    S = 384; acc = np.zeros(len(V)); wt = np.zeros(len(V))
    i = np.arange(nray)+0.5
    ph = np.arccos(1-2*i/nray); th = np.pi*(1+5**0.5)*i
    D = np.stack([np.cos(th)*np.sin(ph), np.cos(ph), np.sin(th)*np.sin(ph)], 1)
    for L in D:
        upv = (0, 1, 0) if abs(L[1]) < 0.95 else (1, 0, 0)
        LR, _ = look(c+L*r*2, c, upv); le = c+L*r*2
        C = (V-le) @ LR.T
        PP = np.ascontiguousarray(np.stack([S/2+C[:, 0]/r*S/2, S/2-C[:, 1]/r*S/2], 1)); ZZ = np.ascontiguousarray(C[:, 2])
        zb = np.full((S, S), 1e9); a_ = np.full((S, S), -1, np.int32); b_ = np.zeros((S, S)); c_ = np.zeros((S, S))
        raster(PP, ZZ, T, S, S, zb, a_, b_, c_)
        Q = (V+N*r*0.012-le) @ LR.T
        ix = np.clip((S/2+Q[:, 0]/r*S/2).astype(int), 0, S-1); iy = np.clip((S/2-Q[:, 1]/r*S/2).astype(int), 0, S-1)
        vis = Q[:, 2] < zb[iy, ix]+r*0.01
        w = np.clip(N @ L, 0, 1)
        acc += w*vis; wt += w
    return np.clip(acc/(wt+1e-6), 0, 1)

def save(img, path):
    from PIL import Image
    Image.fromarray(img).save(path)
def grid(ims, cols):
    h, w, _ = ims[0].shape; rows = (len(ims)+cols-1)//cols
    G = np.zeros((rows*h, cols*w, 3), np.uint8)
    for i, im in enumerate(ims): G[(i//cols)*h:(i//cols+1)*h, (i % cols)*w:(i % cols+1)*w] = im
    return G
def label(img, txt):
    from PIL import Image, ImageDraw
    im = Image.fromarray(img); d = ImageDraw.Draw(im)
    d.text((8, 6), txt, fill=(235, 235, 235)); return np.asarray(im).copy()


# ------------------------------------------------------------------ bake, check, export
def chart_uv(V):
    """Azimuthal-equidistant chart about the nose axis: forward = (0.5, 0.5), back of head = rim."""
    d = unit(V-C0); th = np.arccos(np.clip(d[:, 2], -1, 1)); r = np.hypot(d[:, 0], d[:, 1])+1e-9
    return np.column_stack([0.5+0.5*th/np.pi*d[:, 0]/r, 0.5-0.5*th/np.pi*d[:, 1]/r])

AU = {  # FACS action unit -> ARKit weights at full intensity (see face.md)
    'AU1': {'browInnerUp': 1.0}, 'AU2': {'browOuterUp': 1.0}, 'AU4': {'browDown': 1.0}, 'AU6': {'cheekSquint': 1.0, 'eyeSquint': 0.35},
    'AU7': {'eyeSquint': 0.9}, 'AU9': {'noseSneer': 1.0, 'browDown': 0.25}, 'AU10': {'mouthUpperUp': 0.9}, 'AU12': {'mouthSmile': 1.0},
    'AU14': {'mouthDimple': 1.0}, 'AU15': {'mouthFrown': 1.0}, 'AU17': {'mouthShrugLower': 0.9, 'mouthShrugUpper': 0.25},
    'AU23': {'mouthPress': 0.45, 'mouthPucker': 0.2, 'mouthRollLower': 0.25, 'mouthRollUpper': 0.2}, 'AU24': {'mouthPress': 0.95},
    'AU25': {'jawOpen': 0.12, 'mouthLowerDown': 0.3, 'mouthUpperUp': 0.12}, 'AU26': {'jawOpen': 0.5}}

def au_weights(levels):
    out = {}
    for a, x in levels.items():
        for k, w in AU[a].items():
            for n in ([k] if k in NAMES else [k+'Left', k+'Right']): out[n] = min(1.0, out.get(n, 0)+x*w)
    return out

def apply(V, D, w):
    X = V.copy()
    for k, a in w.items():
        for n in ([k] if k in D else [k+'Left', k+'Right']): X = X+a*D[n]
    return X

def smooth_normals(M, N):
    """Neutral normals of the skin from the implicit surface; morphed: normalise(stored + mesh(morphed) - mesh(neutral))."""
    o = N.copy(); m = np.where(M.tag == SKIN)[0]; k = np.clip(1-np.abs(sdf(M.V[m]))/0.03, 0, 1)[:, None]; g = grad(sdf, M.V[m], 0.16)
    k = k*np.clip(((g*N[m]).sum(1)[:, None]-0.90)/0.07, 0, 1); o[m] = unit(N[m]*(1-k)+g*k)
    o[np.linalg.norm(o, axis=1) < 0.5] = (0, 0, 1)      # collapsed ring corners, used by no triangle
    return o

def main():
    ap = argparse.ArgumentParser(description='stylised head + 52 shapes'); ap.add_argument('--out', required=True); ap.add_argument('--preview')
    a = ap.parse_args(); os.makedirs(a.out, exist_ok=True)
    M = build(); rig = Rig(dict(V=M.V, A=M.A, tag=M.tag, ul=M.ul)); D = rig.all()
    N = normals(M.V, M.T); ao = ao_bake(M.V, M.T, N, 96); NS = smooth_normals(M, N)
    Vo = apply(M.V, D, {'jawOpen': .55, 'mouthSmile': .4, 'mouthUpperUp': .3}); inner = np.isin(M.tag, (TEETHU, TEETHL, TONGUE, CAVITY))
    ao[inner] = np.clip(ao_bake(Vo, M.T, normals(Vo, M.T), 96)[inner]*1.25, 0, 1)
    bare = ~np.isin(M.tag[M.T[:, 0]], (HAIR, CLOTH, BROW)); ao_bare = ao_bake(M.V, M.T[bare], N, 96); ao_bare[inner] = ao[inner]
    # merge exact duplicates only for the region weights; the mesh itself keeps hard part borders
    au = np.zeros((len(AU), len(M.V)), np.float32)
    for i, k in enumerate(AU):
        d = np.linalg.norm(apply(M.V, D, au_weights({k: 1.0}))-M.V, axis=1); d[~np.isin(M.tag, (SKIN, BROW))] = 0; au[i] = np.clip(d/(np.percentile(d[d > .02], 92)+1e-9), 0, 1)
    mir = np.zeros(len(M.V), np.int32)
    for t in range(13):
        src = {EYEL: EYER, EYER: EYEL}.get(t, t); m = np.where(M.tag == t)[0]; q = np.where(M.tag == src)[0]
        if len(m): mir[m] = q[cKDTree(M.V[q]).query(M.V[m]*[-1, 1, 1])[1]]
    from safetensors.numpy import save
    f32 = lambda x: np.ascontiguousarray(x, np.float32)
    t = dict(position=f32(M.V), normal=f32(NS), triangle=np.ascontiguousarray(M.T, np.uint32), part=np.ascontiguousarray(M.tag, np.uint8), uv=f32(chart_uv(M.V)),
             albedo=f32(M.col), material=f32(np.column_stack([M.rough, M.spec, M.sss, ao])), ao_bare=f32(ao_bare), mirror=mir, au_region=f32(au),
             shapes=f32(np.stack([D[n] for n in NAMES])), eye_centre=f32(np.array([EYE_C, EYE_C*[-1, 1, 1]])))
    meta = dict(shape_names=json.dumps(NAMES), au_names=json.dumps(list(AU)), part_names=json.dumps(PARTS), units='cm', axes='+X subject left, +Y up, +Z nose',
                eye_radius=str(EYE_R), chart_origin=json.dumps(list(C0)), material='roughness, specular F0, sss, ao', albedo='linear rgb', licence='own work of the project')
    # shapes are stored sparse: per shape (first, count) into index + half-float delta; dense they would be 7 MB
    del t['shapes']; idx, dl, span = [], [], []
    for n in NAMES:
        m = np.where(np.linalg.norm(D[n], axis=1) > 2e-3)[0]; span.append((sum(map(len, idx)), len(m))); idx.append(m); dl.append(D[n][m])
    t.update(span=np.array(span, np.uint32), index=np.concatenate(idx).astype(np.uint16), delta=np.concatenate(dl).astype(np.float16))
    # the library writes its header in the order of a hash that differs from run to run: sorted, the same head is the same bytes
    raw = save(t, metadata=meta); n = 8+int.from_bytes(raw[:8], 'little'); head = json.dumps(json.loads(raw[8:n]), sort_keys=True, separators=(',', ':')).encode(); head += b' '*(-len(head) % 8)
    with open(os.path.join(a.out, 'head.safetensors'), 'wb') as f: f.write(len(head).to_bytes(8, 'little')+head+raw[n:])
    tri_kind = M.tag[M.T[:, 0]]
    print('vertices', len(M.V), 'triangles', len(M.T)); print({PARTS[k]: (int((M.tag == k).sum()), int((tri_kind == k).sum())) for k in range(len(PARTS)) if (M.tag == k).any()})
    print('sparse entries', sum(map(len, idx)))
    if a.preview: preview(M, D, ao, ao_bare, NS, a.preview)

def preview(M, D, ao, ao_bare, NS, where):
    os.makedirs(where, exist_ok=True); c1 = lambda x: x[:, None]; N0 = normals(M.V, M.T)
    def shot(w, cam, fov, size, col=None, keep=None, ex=.8, label_=None, **k):
        V = apply(M.V, D, w); T = M.T if keep is None else M.T[keep]; i = render(V, T, unit(NS+normals(V, M.T)-N0), M.col if col is None else col, c1(M.rough), c1(M.spec), c1(M.sss), c1(ao if keep is None else ao_bare), cam, fov, size, exposure=ex, **k)
        return label(i, label_) if label_ else i
    EX = [('neutral', {}), ('smile', {'mouthSmile': .9, 'cheekSquint': .6}), ('laugh', {'mouthSmile': 1, 'cheekSquint': .8, 'jawOpen': .45, 'mouthUpperUp': .4, 'eyeSquint': .3}), ('surprise', {'browInnerUp': 1, 'browOuterUp': 1, 'eyeWide': 1, 'jawOpen': .5}),
          ('blink', {'eyeBlink': 1}), ('sad', {'browInnerUp': .9, 'mouthFrown': .8, 'mouthShrugLower': .5, 'eyeLookDown': .3}), ('angry', {'browDown': 1, 'eyeSquint': .4, 'mouthPress': .7, 'noseSneer': .5}), ('disgust', {'noseSneer': 1, 'mouthUpperUp': .7, 'browDown': .5, 'cheekSquint': .5}),
          ('jawOpen', {'jawOpen': 1}), ('pucker', {'mouthPucker': 1}), ('contempt', {'mouthSmileLeft': .55, 'mouthDimpleLeft': .8, 'eyeSquint': .25}), ('smirk + wink', {'mouthSmileLeft': 1, 'eyeBlinkLeft': 1, 'cheekSquintLeft': .7})]
    cam = look((0, -0.5, 64), (0, -1.4, 0)); save(grid([shot(w, cam, 24, (360, 400), label_=n) for n, w in EX], 4), os.path.join(where, 'head_expressions.png'))
    hero = [(a_, w) for a_, w in ((-30, EX[0][1]), (0, EX[1][1]), (30, EX[2][1]))]
    save(grid([shot(w, look((74*np.sin(np.radians(a_)), 1.0, 74*np.cos(np.radians(a_))), (0, -2.4, 0)), 24, (480, 560)) for a_, w in hero], 3), os.path.join(where, 'head_hero.png'))
    cam = look((0, -0.6, 66), (0, -1.2, 0)); ims = [shot(au_weights({k: 1.0}), cam, 22, (288, 300), label_=k) for k in AU]
    save(grid(ims, 5), os.path.join(where, 'head_au.png'))
    ims = [shot({n: 1.0}, cam, 22, (216, 230), label_=n) for n in NAMES]
    save(grid(ims, 9), os.path.join(where, 'head_52.png'))
    # porcelain mannequin (no hair, one material) and analyst overlays
    keep = ~np.isin(M.tag[M.T[:, 0]], (HAIR, CLOTH, BROW)); por = np.tile(lin(226, 222, 216), (len(M.V), 1)); e = np.isin(M.tag, (EYEL, EYER)); por[e] = M.col[e]; por[M.tag == LASH] = lin(90, 84, 80); por[M.tag == CAVITY] = lin(70, 60, 58); lipm = (M.rough < .47) & (M.tag == SKIN); por[lipm] = lin(214, 198, 192)
    cam = look((18, 0.5, 66), (0, -1.4, 0)); w = EX[2][1]; d = np.linalg.norm(apply(M.V, D, w)-M.V, axis=1); h = np.clip(d/2.0, 0, 1)[:, None]
    stops = np.array([[38, 40, 60], [52, 90, 140], [70, 160, 150], [236, 190, 80], [240, 90, 60]]); q = h[:, 0]*(len(stops)-1); i = np.minimum(q.astype(int), len(stops)-2); f = (q-i)[:, None]; hot = ((stops[i]*(1-f)+stops[i+1]*f)/255)**2.2; hot = np.where(e[:, None], M.col, hot)
    au = np.zeros(len(M.V)); m = np.linalg.norm(apply(M.V, D, au_weights({'AU12': 1., 'AU6': 1.}))-M.V, axis=1); reg = np.clip(m/.5, 0, 1)[:, None]; tint = por*(1-.75*reg)+lin(60, 140, 255)*.75*reg; tint = np.where(e[:, None], M.col, tint)
    save(grid([shot({}, cam, 24, (380, 440), por, keep, label_='porcelain neutral'), shot(w, cam, 24, (380, 440), por, keep, label_='porcelain laugh'), shot(w, cam, 24, (380, 440), hot, keep, label_='displacement heat map (0..2 cm)'), shot({'mouthSmile': .8, 'cheekSquint': .8}, cam, 24, (380, 440), tint, keep, label_='AU6+AU12 region')], 4), os.path.join(where, 'head_overlays.png'))

if __name__ == '__main__':
    main()
