//! From where faces are seen: one camera for all of them, or one for each.

use std::collections::HashMap;

use face::Camera;

use crate::faces::Seat;

/// What a pointer does to a camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turning {
    /// Radians to the side.
    pub yaw: f32,
    /// Radians up.
    pub pitch: f32,
    /// Factor on the distance; 1 stays.
    pub closer: f32,
    /// The face moves to the right of the picture, cm.
    pub right_cm: f32,
    /// The face moves up in the picture, cm.
    pub up_cm: f32,
}

impl Default for Turning {
    fn default() -> Self {
        Self { yaw: 0.0, pitch: 0.0, closer: 1.0, right_cm: 0.0, up_cm: 0.0 }
    }
}

/// The cameras of all faces of the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cameras {
    shared: Camera,
    each: bool,
    own: HashMap<Seat, Camera>,
}

impl Cameras {
    /// The camera of a face.
    pub fn of(&self, seat: Seat) -> Camera {
        match self.each {
            true => self.own.get(&seat).copied().unwrap_or(self.shared),
            false => self.shared,
        }
    }

    /// One camera for all, standing there.
    pub fn all_at(camera: Camera) -> Self {
        Self { shared: camera, ..Self::default() }
    }

    /// The camera that all have, or those that have none of their own.
    pub fn shared(&self) -> Camera {
        self.shared
    }

    /// Whether every face has a camera of its own.
    pub fn each(&self) -> bool {
        self.each
    }

    /// One camera for each, which begins where all have stood; or again the one that all had.
    pub fn switch(&mut self) {
        self.each = !self.each;
        self.own.clear();
    }

    /// Moves the camera of a face, and with one camera for all that of the others with it.
    pub fn turn(&mut self, seat: Seat, by: Turning) {
        let mut camera = self.of(seat);
        camera.orbit(by.yaw, by.pitch);
        camera.zoom(by.closer);
        camera.pan(by.right_cm, by.up_cm);
        self.put(seat, camera);
    }

    /// A face seen as at the start, and with one camera for all the others too.
    pub fn reset_one(&mut self, seat: Seat) {
        self.put(seat, Camera::portrait());
    }

    /// Every face seen as at the start.
    pub fn reset(&mut self) {
        self.shared = Camera::portrait();
        self.own.clear();
    }

    fn put(&mut self, seat: Seat, camera: Camera) {
        match self.each {
            true => {
                self.own.insert(seat, camera);
            }
            false => self.shared = camera,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Seat = Seat::Tile(0);
    const B: Seat = Seat::Tile(1);

    #[test]
    fn one_camera_for_all_until_each_has_its_own() {
        let mut cameras = Cameras::default();
        cameras.turn(A, Turning { yaw: 0.3, ..Turning::default() });
        assert_eq!(cameras.of(A), cameras.of(B));
        assert!(cameras.of(A) != Camera::portrait());
        cameras.switch();
        let before = cameras.of(B);
        cameras.turn(A, Turning { closer: 0.5, right_cm: 2.0, ..Turning::default() });
        assert_eq!(cameras.of(B), before);
        assert!(cameras.of(A).distance < 0.6 * before.distance && cameras.of(A).target != before.target);
        cameras.reset_one(A);
        assert_eq!((cameras.of(A), cameras.of(B)), (Camera::portrait(), before));
        cameras.turn(B, Turning { pitch: 0.2, ..Turning::default() });
        cameras.switch();
        assert_eq!((cameras.of(A), cameras.of(B)), (before, before));
        cameras.reset();
        assert_eq!(cameras.of(A), Camera::portrait());
    }
}
