// Studio light on skin, lips, eyes, teeth, hair and cloth. The Rust twin is `twin/shade.rs`, function by function;
// change both, the test gpu_and_twin_agree compares them.

@group(0) @binding(1) var shadow_map: texture_depth_2d;
@group(0) @binding(2) var shadow_sampler: sampler_comparison;

struct VertexOut {
    @builtin(position) @invariant clip: vec4f,
    @location(0) world: vec3f,
    @location(1) normal: vec3f,
    @location(2) rest: vec3f,
    @location(3) albedo: vec3f,
    @location(4) material: vec4f,
    @location(5) marks: vec4f,     // displacement in cm, activity of the region, occlusion of a bare head, 1 outside folds
    @location(6) @interpolate(flat) part: u32,
}

@vertex
fn vs_face(v: VertexIn) -> VertexOut {
    var o: VertexOut;
    o.world = v.position.xyz;
    o.normal = v.normal.xyz;
    o.clip = frame.clip_from_world * vec4f(o.world, 1.0);
    o.rest = v.rest;
    o.albedo = v.albedo.rgb;
    o.material = v.material;
    o.marks = vec4f(v.position.w, v.normal.w, f32(v.part >> 8u) / 255.0, length(v.normal.xyz));
    o.part = v.part & 255u;
    return o;
}

// Each material is drawn by a pipeline of its own with this constant set, so that no pixel pays for the others
// (software drivers run both sides of every branch). Triangles are sorted by it; `head.rs`, fn group, mirrors it.
override GROUP: u32 = 0u;
// No fine detail and fewer lamps with a shine: for software drivers while something moves.
override QUICK: bool = false;
const SKIN_AND_EARS = 0u;
const EYES = 1u;
const HAIRS = 2u;
const CLOTH = 3u;
const OTHERS = 4u;

const SKIN = 0u;
const EYE_LEFT = 2u;
const EYE_RIGHT = 3u;
const TEETH_UPPER = 4u;
const TEETH_LOWER = 5u;
const TONGUE = 6u;
const BROW = 7u;
const LASH = 8u;
const HAIR = 9u;
const EAR = 10u;
const GARMENT = 11u;
const MOUTH_BAG = 12u;

const PI = 3.14159265;
const KEY = vec3f(2.86, 2.56, 2.24);
const FILL = vec3f(0.33, 0.42, 0.62);
const RIM = vec3f(2.30, 2.65, 3.10);
const KICKER = vec3f(1.50, 1.22, 0.98);
const SKY = vec3f(0.47, 0.54, 0.66);
const GROUND = vec3f(0.36, 0.27, 0.22);
const REGION = vec3f(0.045, 0.235, 0.900);
const GLAZE = vec3f(0.600, 0.578, 0.545);

// ---- noise: whole-number hash, the same on every device ----

fn hash(p: vec3i) -> f32 {
    var h = bitcast<u32>(p.x) * 1597334677u ^ bitcast<u32>(p.y) * 3812015801u ^ bitcast<u32>(p.z) * 2798796415u;
    h = (h ^ (h >> 15u)) * 2246822519u;
    h = h ^ (h >> 13u);
    return f32(h & 0xffffu) / 65535.0;
}

// Smooth noise, 0..1.
fn noise(p: vec3f) -> f32 {
    let i = vec3i(floor(p));
    let f = p - floor(p);
    let u = f * f * (3.0 - 2.0 * f);
    let a = mix(mix(hash(i), hash(i + vec3i(1, 0, 0)), u.x),
                mix(hash(i + vec3i(0, 1, 0)), hash(i + vec3i(1, 1, 0)), u.x), u.y);
    let b = mix(mix(hash(i + vec3i(0, 0, 1)), hash(i + vec3i(1, 0, 1)), u.x),
                mix(hash(i + vec3i(0, 1, 1)), hash(i + vec3i(1, 1, 1)), u.x), u.y);
    return mix(a, b, u.z);
}

// 1 below `low`, 0 above `high`.
fn falls(low: f32, high: f32, x: f32) -> f32 {
    return 1.0 - smoothstep(low, high, x);
}

// How much of a detail of this size (cm) the picture can carry: 0 where it would only shimmer.
fn carries(detail_cm: f32) -> f32 {
    return smoothstep(0.35, 1.0, detail_cm / (2.0 * frame.body.w));
}

// ---- shadow ----

const TAPS = 12u;

fn reaches(uv: vec2f, z: f32) -> f32 {
    // never into the neighbour's part of the map
    let edge = frame.shadow.xy * 0.004;
    let at = clamp(uv * frame.shadow.xy + frame.shadow.zw, frame.shadow.zw + edge, frame.shadow.zw + frame.shadow.xy - edge);
    return textureSampleCompareLevel(shadow_map, shadow_sampler, at, z);
}

// 1 where the key light arrives: a disc of bilinear taps.
fn lit(world: vec3f, n: vec3f) -> f32 {
    // plain shadows come from a coarser map: they must stand farther off the surface
    let off = select(0.12, 0.22, QUICK);
    let p = frame.light_from_world * vec4f(world + n * off, 1.0);
    let uv = vec2f(p.x * 0.5 + 0.5, 0.5 - p.y * 0.5);
    let z = p.z - select(0.0022, 0.0065, QUICK);
    var sum = 0.0;
    if QUICK {
        let r = frame.key.w * 0.6;
        return 0.5 * (reaches(uv + vec2f(r, r * 0.4), z) + reaches(uv - vec2f(r, r * 0.4), z));
    }
    for (var i = 0u; i < TAPS; i++) {
        let r = sqrt((f32(i) + 0.5) / f32(TAPS)) * frame.key.w;
        let a = f32(i) * 2.399963;
        sum += reaches(uv + r * vec2f(cos(a), sin(a)), z);
    }
    return sum / f32(TAPS);
}

// ---- materials ----

struct Surface {
    n: vec3f,
    albedo: vec3f,
    rough: f32,
    f0: f32,
    sss: f32,
    ao: f32,
    gloss: f32,    // wet second layer
    strand: vec3f, // direction of hair, zero elsewhere
}

fn heat(t: f32) -> vec3f {
    let x = clamp(t, 0.0, 1.0) * 4.0;
    var c = mix(vec3f(0.030, 0.034, 0.060), vec3f(0.034, 0.102, 0.262), clamp(x, 0.0, 1.0));
    c = mix(c, vec3f(0.062, 0.352, 0.302), clamp(x - 1.0, 0.0, 1.0));
    c = mix(c, vec3f(0.840, 0.508, 0.078), clamp(x - 2.0, 0.0, 1.0));
    return mix(c, vec3f(0.870, 0.102, 0.045), clamp(x - 3.0, 0.0, 1.0));
}

// Iris, pupil and sclera by the angle from the optical axis.
fn eye_colour(rest: vec3f, eye: vec4f) -> vec3f {
    let d = normalize(rest - eye.xyz);
    let angle = acos(clamp(d.z, -1.0, 1.0)) * 57.29578;
    let soft = clamp(frame.body.w * 36.0, 0.6, 7.0);      // degrees that one pixel blurs
    let r = clamp((angle - 11.5) / 19.0, 0.0, 1.0);
    var iris = mix(vec3f(0.180, 0.250, 0.235), vec3f(0.055, 0.150, 0.185), smoothstep(0.05, 0.60, r));
    if !QUICK {
        let round = atan2(d.y, d.x);
        let fine = carries(0.05);
        // fibres: noise stretched along the radius
        let spoke = noise(vec3f(cos(round) * 9.0, sin(round) * 9.0, angle * 0.12));
        let spoke2 = noise(vec3f(cos(round) * 22.0, sin(round) * 22.0, angle * 0.22 + 7.0));
        iris *= mix(1.0, 0.55 + 0.6 * spoke + 0.4 * spoke2, 0.35 + 0.65 * fine);
        iris = mix(iris, vec3f(0.24, 0.17, 0.08), 0.45 * exp(-(r - 0.12) * (r - 0.12) * 49.0) * (0.4 + 0.6 * spoke));
    }
    // the cornea gathers light on the side away from the lamp
    iris *= 0.92 + 0.95 * clamp(dot(normalize(vec2f(d.x, d.y) + 1e-5), vec2f(0.5, -0.85)), -0.45, 1.0) * r;
    iris *= 1.0 - 0.86 * smoothstep(0.66, 0.98, r);       // dark ring at the rim
    let pink = 0.45 * smoothstep(44.0, 82.0, angle);
    let white = mix(vec3f(0.74, 0.725, 0.705), vec3f(0.62, 0.42, 0.37), pink);
    var c = mix(vec3f(0.004, 0.004, 0.005), iris, smoothstep(11.4 - soft * 0.5, 12.6 + soft * 0.5, angle));
    return mix(c, white, smoothstep(29.8 - soft * 0.5, 31.4 + soft * 0.5, angle));
}

fn surface_of(v: VertexOut, facing: f32) -> Surface {
    var s: Surface;
    s.n = normalize(v.normal) * facing;
    s.albedo = v.albedo;
    s.rough = v.material.x;
    s.f0 = v.material.y;
    s.sss = v.material.z;
    s.ao = v.material.w;
    s.gloss = 0.0;
    s.strand = vec3f(0.0);
    let glazed = frame.style.x;
    if GROUP == EYES {
        var eye = frame.eye_right;
        if v.part == EYE_LEFT {
            eye = frame.eye_left;
        }
        s.albedo = eye_colour(v.rest, eye);
        // the ball turns about its centre, so its normal is the direction from there, whatever the gaze
        s.n = normalize(v.world - placed(eye.xyz));
        // lids shade the ball from above and at the corners
        let high = dot(s.n, turned(vec3f(0.0, 1.0, 0.0)));
        let wide = abs(dot(s.n, turned(vec3f(1.0, 0.0, 0.0))));
        s.ao *= (1.0 - 0.62 * smoothstep(0.04, 0.46, high)) * (1.0 - 0.35 * smoothstep(0.42, 0.80, wide));
    } else if GROUP == SKIN_AND_EARS {
        if v.part == EAR {
            s.ao = max(s.ao, 0.30);
        }
        let lip = falls(0.36, 0.46, s.rough) * falls(-5.2, -4.4, v.rest.y);
        s.gloss = lip * 0.34;
        s.albedo = mix(s.albedo, vec3f(0.470, 0.205, 0.165), lip * 0.45);
        if !QUICK {
            let pore = carries(0.10);
            if pore > 0.0 {
                let fine = noise(v.rest * 9.0) - 0.5;
                let broad = noise(v.rest * 1.7 + 11.0) - 0.5;
                s.albedo *= 1.0 + pore * (0.05 * fine + 0.06 * broad) * vec3f(0.7, 1.0, 1.0);
                s.rough = clamp(s.rough + pore * 0.10 * fine, 0.2, 1.0);
                let crease = noise(vec3f(v.rest.x * 11.0, v.rest.y * 1.6, 3.0)) - 0.5;
                s.albedo *= 1.0 + lip * pore * 0.22 * crease;
            }
        }
        // raised brows fold the forehead, in finer lines than the mesh has
        let forehead = smoothstep(3.4, 4.4, v.rest.y);
        let fold = smoothstep(0.12, 0.55, v.marks.x) * forehead * falls(6.4, 8.6, v.rest.y)
            * falls(3.2, 5.2, abs(v.rest.x)) * smoothstep(2.0, 4.0, v.rest.z) * carries(0.22);
        let bend = v.rest.y * 5.2 - v.rest.x * v.rest.x * 0.05;
        s.n = normalize(s.n + vec3f(0.0, 0.28 * fold * sin(bend), 0.0));
        s.albedo *= 1.0 - 0.20 * fold * smoothstep(0.2, 1.0, cos(bend));
        let open = mix(v.marks.w, 1.0, max(lip, forehead));
        s.ao *= open;
        // porcelain: one glaze, a tint left on the lips, the occlusion of a head without hair
        s.albedo = mix(s.albedo, mix(GLAZE, vec3f(0.400, 0.255, 0.235), lip * 0.85), glazed);
        s.rough = mix(s.rough, 0.34, glazed);
        s.f0 = mix(s.f0, 0.045, glazed);
        s.sss = mix(s.sss, 0.45, glazed);
        s.ao = mix(s.ao, max(v.marks.z, 0.12) * open, glazed);
        s.gloss = mix(s.gloss, 0.30, glazed);
    } else if GROUP == HAIRS {
        let out = v.rest - vec3f(0.6, 10.5, -5.0);
        let from_whorl = turned(out);
        let along = from_whorl - s.n * dot(from_whorl, s.n);
        s.strand = along / max(length(along), 1e-3);
        let round = atan2(out.x, out.z);
        let whorl = smoothstep(1.5, 5.0, length(along));
        s.albedo *= vec3f(0.86, 0.78, 0.72);
        s.ao = 0.25 + 0.75 * s.ao;
        if !QUICK {
            let lock = noise(vec3f(cos(round) * 7.0, sin(round) * 7.0, length(out) * 0.10));
            let hair = noise(vec3f(cos(round) * 34.0, sin(round) * 34.0, length(out) * 0.22));
            let k = 0.3 + 0.7 * carries(0.16);
            s.albedo *= 1.0 + whorl * (0.55 * (lock - 0.5) + k * 0.9 * (hair - 0.5));
            let side = cross(s.strand, s.n);
            s.n = normalize(s.n + side * whorl * (0.26 * (lock - 0.5) + k * 0.32 * (hair - 0.5)));
        }
    } else if GROUP == CLOTH {
        s.albedo = mix(s.albedo, vec3f(0.155, 0.160, 0.172), glazed);
        if !QUICK {
            let knit = carries(0.20) * smoothstep(-15.6, -14.8, v.rest.y);
            let rib = sin(atan2(v.rest.x, v.rest.z + 2.1) * 64.0);
            s.albedo *= 1.0 + 0.22 * knit * rib;
            s.albedo *= 1.0 + 0.25 * carries(0.12) * (noise(v.rest * vec3f(9.0, 5.0, 9.0)) - 0.5);
        }
    } else if v.part == TEETH_UPPER || v.part == TEETH_LOWER || v.part == TONGUE {
        s.gloss = 0.5;
        // the farther behind the lips, the less light
        s.ao = max(s.ao, 0.34) * (0.30 + 0.70 * smoothstep(6.4, 8.8, v.rest.z + 0.9 * f32(v.part == TONGUE)));
        s.albedo *= mix(vec3f(0.90, 0.86, 0.80), vec3f(1.0), f32(v.part == TONGUE));
    } else if v.part == MOUTH_BAG {
        s.ao = max(s.ao, 0.26) * (0.60 + 0.40 * smoothstep(6.0, 9.4, v.rest.z));
        s.albedo = max(s.albedo, vec3f(0.16, 0.034, 0.030));
    } else if v.part == BROW {
        if !QUICK {
            let hair = noise(vec3f(v.rest.x * 4.0 + v.rest.y * 5.0, v.rest.y * 16.0 - abs(v.rest.x) * 7.0, 5.0));
            s.albedo *= 0.75 + 0.9 * hair * carries(0.06);
        }
        s.rough = 0.8;
        // brows carry half of an expression: porcelain keeps them, in slate
        s.albedo = mix(s.albedo, vec3f(0.125, 0.118, 0.122), glazed);
    }
    if GROUP != EYES && v.part != LASH {
        if frame.overlay.x > 1.5 {
            s.albedo = mix(s.albedo, REGION, 0.78 * v.marks.y);
        } else if frame.overlay.x > 0.5 {
            s.albedo = heat(v.marks.x / frame.overlay.y);
            s.sss = 0.2;
            s.gloss = 0.0;
        }
    }
    return s;
}

// ---- light ----

fn specular(s: Surface, v: vec3f, l: vec3f, rough: f32, f0: f32) -> f32 {
    let h = normalize(l + v);
    let nl = clamp(dot(s.n, l), 0.0, 1.0);
    let nh = clamp(dot(s.n, h), 0.0, 1.0);
    let vh = clamp(dot(v, h), 0.0, 1.0);
    let nv = clamp(dot(s.n, v), 0.02, 1.0);
    let a2 = rough * rough * rough * rough;
    let q = nh * nh * (a2 - 1.0) + 1.0;
    let d = a2 / (PI * q * q + 1e-7);
    let f = f0 + (1.0 - f0) * pow(1.0 - vh, 5.0);
    let k = (rough + 1.0) * (rough + 1.0) / 8.0;
    let g = 1.0 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k));
    return d * f * g * nl / 4.0;
}

// Sheen across strands, one lobe.
fn strand_sheen(t: vec3f, n: vec3f, v: vec3f, l: vec3f, shift: f32, power: f32) -> f32 {
    let tt = normalize(t + n * shift);
    let th = dot(tt, normalize(l + v));
    return pow(sqrt(max(1.0 - th * th, 0.0)), power) * smoothstep(-0.3, 0.5, dot(n, l));
}

fn lamp(s: Surface, v: vec3f, l: vec3f, colour: vec3f, arrives: f32, polish: f32) -> vec3f {
    let nl = dot(s.n, l);
    // red light travels farther under skin: it wraps farther round the form and into the shadow
    let wrap = s.sss * vec3f(0.43, 0.235, 0.18);
    let bent = max((vec3f(nl) + wrap) / (1.0 + wrap), vec3f(0.0));
    if QUICK {
        let soft = mix(vec3f(arrives), vec3f(sqrt(arrives)), s.sss * vec3f(0.70, 0.3, 0.2));
        var c = s.albedo * bent * soft * (1.6 / PI);
        if polish > 0.9 {
            let ao = sqrt(s.ao);
            if GROUP == HAIRS {
                let first = strand_sheen(s.strand, s.n, v, l, -0.12, 34.0);
                let second = strand_sheen(s.strand, s.n, v, l, 0.20, 9.0);
                c += (vec3f(0.020, 0.017, 0.014) * first + s.albedo * 0.24 * second) * arrives * ao;
            } else {
                c += vec3f((specular(s, v, l, s.rough, s.f0) * 1.2 + s.gloss * specular(s, v, l, 0.26, 0.035)) * arrives * ao);
            }
        }
        return c * colour;
    }
    let diffuse = pow(bent, vec3f(1.0 + 0.25 * s.sss));
    let shade = pow(vec3f(max(arrives, 1e-4)), 1.0 - s.sss * vec3f(0.42, 0.18, 0.12));
    var c = s.albedo * diffuse * shade * (1.6 / PI);
    let ao = sqrt(s.ao);
    var shine = specular(s, v, l, s.rough, s.f0) * 1.2;
    if s.gloss > 0.0 {
        shine += s.gloss * specular(s, v, l, 0.26, 0.035);
    }
    if GROUP == HAIRS {
        let first = strand_sheen(s.strand, s.n, v, l, -0.12, 34.0);
        let second = strand_sheen(s.strand, s.n, v, l, 0.20, 9.0);
        c += (vec3f(0.020, 0.017, 0.014) * first + s.albedo * 0.24 * second) * arrives * ao * polish;
        shine *= 0.35;
    }
    return (c + vec3f(shine * arrives * ao * polish)) * colour;
}

fn tone(x: vec3f) -> vec3f {
    return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), vec3f(0.0), vec3f(1.0));
}

fn shade(v: VertexOut, facing: f32) -> vec3f {
    let s = surface_of(v, facing);
    let view = normalize(frame.eye.xyz - v.world);
    var arrives = lit(v.world, s.n);
    if GROUP == HAIRS {
        arrives = 0.30 + 0.70 * arrives;   // hair lets light through
    }
    var c = lamp(s, view, frame.key.xyz, KEY, arrives, 1.0);
    c += lamp(s, view, frame.fill.xyz, FILL, 1.0, 0.25);
    // lamps from behind draw the outline and nothing inside it; folds that they cannot reach are kept out by occlusion
    let nv = clamp(dot(s.n, view), 0.0, 1.0);
    let graze = s.ao * s.ao * (1.0 - nv) * (1.0 - nv) * (1.15 - 0.55 * frame.style.y);
    c += lamp(s, view, frame.rim.xyz, RIM * graze, 1.0, 0.8);
    c += lamp(s, view, frame.kicker.xyz, KICKER * graze, 1.0, 0.8);
    // sky above, warm ground below; light bounced between folds keeps the colour of skin
    let up = s.n.y * 0.5 + 0.5;
    let around = mix(GROUND, SKY, up);
    let bleed = 0.3 + 0.7 * s.sss;
    let narrow = mix(vec3f(1.0), vec3f(1.0, 1.25, 1.35), bleed);
    var open = vec3f(s.ao);
    if !QUICK {
        open = pow(open, narrow);
    }
    c += s.albedo * around * open * 0.52;
    let edge = (1.0 - nv) * (1.0 - nv) * (1.0 - nv) * (1.0 - nv);
    c += edge * 0.10 * around * s.ao;
    c *= 0.35 + 0.65 * s.ao;
    if GROUP == OTHERS && (v.part == MOUTH_BAG || v.part == TONGUE) {
        // light that has come in between the lips and bounced: an open mouth is dark, not a hole
        c += s.albedo * (0.10 + 0.20 * s.ao);
    }
    if GROUP == SKIN_AND_EARS && v.part == EAR {
        // the rim light shines through the ears
        c += s.albedo * vec3f(0.55, 0.10, 0.05) * clamp(dot(-s.n, frame.rim.xyz), 0.0, 1.0) * 0.22;
    }
    if GROUP == EYES {
        // a window in every eye: without it a face is not alive; the cornea bulges, so its mirror is smaller
        let bounce = reflect(-view, s.n);
        let window = normalize(frame.key.xyz * vec3f(1.0, 0.62, 1.0) + view * 0.10);
        let low = normalize(frame.fill.xyz * 0.7 + view * 0.6 - vec3f(0.0, 0.35, 0.0));
        c += vec3f(0.95, 0.97, 1.0) * 1.5 * smoothstep(0.972, 0.990, dot(bounce, window)) * (0.35 + 0.65 * arrives);
        c += vec3f(0.60, 0.72, 0.90) * 0.05 * smoothstep(0.93, 0.98, dot(bounce, low));
    }
    if frame.overlay.x > 1.5 && GROUP != EYES {
        c += REGION * 0.10 * v.marks.y;
    }
    return tone(c * 0.80 * frame.eye.w);
}

@fragment
fn fs_face(v: VertexOut, @builtin(front_facing) front: bool) -> @location(0) vec4f {
    return vec4f(shade(v, select(-1.0, 1.0, front)), 1.0);
}

// ---- the second, translucent face: outlines and features, little of the form ----

@fragment
fn fs_ghost(v: VertexOut, @builtin(front_facing) front: bool) -> @location(0) vec4f {
    if v.part == GARMENT || !front || (frame.style.x > 0.5 && v.part == HAIR) {
        discard;
    }
    let n = normalize(v.normal);
    let view = normalize(frame.eye.xyz - v.world);
    var edge = pow(1.0 - clamp(dot(n, view), 0.0, 1.0), 1.9);
    if v.part == HAIR {
        edge *= edge;
    }
    var mark = 0.0;
    if v.part == BROW || v.part == LASH {
        mark = 0.85;
    } else if v.part == SKIN {
        mark = 0.55 * falls(0.36, 0.46, v.material.x) * falls(-5.2, -4.4, v.rest.y);
    } else if v.part == EYE_LEFT || v.part == EYE_RIGHT {
        mark = 0.6 * (1.0 - smoothstep(0.05, 0.4, v.albedo.r));
    } else if v.part == MOUTH_BAG {
        mark = 0.4;
    }
    let form = 0.6 + 0.5 * clamp(dot(n, frame.key.xyz), 0.0, 1.0);
    let alpha = clamp(frame.ghost.a * (0.06 + 0.94 * edge + mark), 0.0, 1.0);
    return vec4f(frame.ghost.rgb * form * alpha, alpha);
}
